"""One camera image: augmented with Pillow as in the released code, then normalised."""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from labeldistill.config.model import ImageSettings
from labeldistill.data.augmentation import ImageAugmentation


def augmented(image: Image.Image, augmentation: ImageAugmentation, *, crop_only: bool = False) -> NDArray[np.uint8]:
    """[H, W, 3] RGB after bicubic resize, crop (black outside), flip and nearest-neighbour rotation.

    Args:
        image: RGB, as decoded.
        augmentation: what is done to it.
        crop_only: resize only what the crop keeps: faster, and a few pixels in 10,000 differ by a level or two.
    """
    if crop_only:
        image = _resized_crop(image, augmentation)
    else:
        image = image.resize(augmentation.resized_px, Image.Resampling.BICUBIC).crop(augmentation.crop)
    if augmentation.flip:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if augmentation.rotation_deg:
        image = image.rotate(augmentation.rotation_deg, Image.Resampling.NEAREST)
    return np.asarray(image)


def _resized_crop(image: Image.Image, augmentation: ImageAugmentation) -> Image.Image:
    """The crop of the resized image, without the rest of it."""
    (width, height), (left, top, right, bottom) = augmentation.resized_px, augmentation.crop
    inside = (max(left, 0), max(top, 0), min(right, width), min(bottom, height))
    out = Image.new(image.mode, (right - left, bottom - top))
    size = (inside[2] - inside[0], inside[3] - inside[1])
    if min(size) > 0:
        x, y = image.width / width, image.height / height
        box = (inside[0] * x, inside[1] * y, inside[2] * x, inside[3] * y)
        out.paste(image.resize(size, Image.Resampling.BICUBIC, box=box), (inside[0] - left, inside[1] - top))
    return out


class Normalisation:
    """(pixel - mean) / std per channel, by a look-up table, so that every device gives the same bits.

    Args:
        image: mean and std in R, G, B order, for pixel values of 0-255.
        bgr: True gives channels B, G, R under the statistics of R, G, B (the release); False gives R, G, B.

    Attributes:
        levels: [3, 256] what each pixel value of each channel becomes.
    """

    def __init__(self, image: ImageSettings, *, bgr: bool) -> None:
        # float32 statistics, float64 arithmetic and a float32 result are bit for bit those of the release.
        mean, std = (np.asarray(values, np.float32).astype(np.float64) for values in (image.mean, image.std))
        values = np.arange(256, dtype=np.float64)[:, None]
        self.levels = torch.from_numpy(((values - mean) * (1 / std)).astype(np.float32).T.copy())
        self._source = (2, 1, 0) if bgr else (0, 1, 2)

    def ordered(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """[H, W, 3] to [3, H, W] in the order of the channels."""
        return np.ascontiguousarray(rgb[:, :, self._source].transpose(2, 0, 1))

    def of(self, rgb: NDArray[np.uint8]) -> Tensor:
        """[H, W, 3] to the network's input [3, H, W], float32."""
        return normalised(torch.from_numpy(self.ordered(rgb)), self.levels)


def normalised(images: Tensor, levels: Tensor) -> Tensor:
    """Pixels [..., 3, H, W] of 0-255 as float32, on the device that they are on.

    Args:
        images: uint8.
        levels: [3, 256], see `Normalisation`.
    """
    out = torch.empty(images.shape, dtype=levels.dtype, device=images.device)
    for channel, table in enumerate(levels.to(images.device, non_blocking=True)):
        source, target = images.select(-3, channel), out.select(-3, channel)
        if images.device.type == "cpu":  # NumPy looks up by bytes; torch would copy them to 64-bit indices first
            np.take(table.numpy(), source.numpy(), out=target.numpy(), mode="clip")
        else:
            target.copy_(table.take(source.long()))
    return out
