"""Teachers that are not trained: they get no gradient, and the mode in which the release runs them."""

from torch import nn


def freeze(module: nn.Module) -> None:
    """Exclude every parameter from training."""
    module.requires_grad_(False)


def set_frozen_mode(module: nn.Module, mode: bool, *, follow: bool) -> None:
    """Set the mode of a frozen teacher whose owner is set to `mode` (True: training).

    Args:
        module: the teacher.
        mode: the owner's new mode.
        follow: True makes the teacher follow, so that in training its BatchNorm layers use and update batch
            statistics (released switch `teacher_mode`: Lightning puts the whole module back into train mode);
            False keeps it in eval mode.
    """
    module.train(mode and follow)
