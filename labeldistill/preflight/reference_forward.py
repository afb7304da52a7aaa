"""A reference forward: BatchNorm remembers what features were like in training, and a picture gives them again."""

import numpy as np
import torch
from torch import Tensor, nn

from labeldistill.config.model import ImageSettings
from labeldistill.data.images import Normalisation
from labeldistill.nuscenes.sensor_files import read_image
from labeldistill.preflight.picture import PICTURE

LAYERS = 5
"""First BatchNorm layers that are compared; a picture that is no photograph says little of later ones."""


def statistics_agree(network: nn.Module) -> float:
    """Correlation [-1, 1] over channels of log variances: of the golden picture's features and as recorded.

    Args:
        network: takes images [B, 3, H, W] and has BatchNorm layers with running statistics.
    """
    found: list[tuple[Tensor, Tensor]] = []

    def watch(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(layer, nn.BatchNorm2d)
        assert layer.running_var is not None
        if len(found) < LAYERS:
            found.append((inputs[0].var(dim=(0, 2, 3)), layer.running_var))

    hooks = [part.register_forward_pre_hook(watch) for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
    mode = network.training
    try:
        with torch.no_grad():
            network.eval()(picture_batch())
    finally:
        network.train(mode)
        for hook in hooks:
            hook.remove()
    here, there = (torch.cat([pair[side] for pair in found]).double().add(1e-12).log() for side in (0, 1))
    if float(there.std()) < 1e-6:  # never trained: ones everywhere
        return 0.0
    return float(np.nan_to_num(np.corrcoef(here.numpy(), there.numpy())[0, 1]))


def picture_batch() -> Tensor:
    """The golden picture [1, 3, 160, 320], normalised with ImageNet's statistics."""
    pixels = np.asarray(read_image(PICTURE))[:160]
    return Normalisation(ImageSettings(), bgr=False).of(pixels)[None]
