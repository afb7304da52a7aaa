"""One camera image: augmented with Pillow as in the released code, then normalised."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labeldistill.config.model import ImageSettings
from labeldistill.data.augmentation import ImageAugmentation

Float32 = NDArray[np.float32]


def augmented(image: Image.Image, augmentation: ImageAugmentation) -> NDArray[np.uint8]:
    """[H, W, 3] RGB after bicubic resize, crop (black outside), flip and nearest-neighbour rotation."""
    image = image.resize(augmentation.resized_px, Image.Resampling.BICUBIC)
    image = image.crop(augmentation.crop)
    if augmentation.flip:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if augmentation.rotation_deg:
        image = image.rotate(augmentation.rotation_deg, Image.Resampling.NEAREST)
    return np.asarray(image)


class Normalisation:
    """(pixel - mean) / std per channel, by a look-up table.

    Args:
        image: mean and std in R, G, B order, for pixel values of 0-255.
        bgr: True gives channels B, G, R under the statistics of R, G, B (the release); False gives R, G, B.
    """

    def __init__(self, image: ImageSettings, *, bgr: bool) -> None:
        # float32 statistics, float64 arithmetic and a float32 result are bit for bit those of the release.
        mean, std = (np.asarray(values, np.float32).astype(np.float64) for values in (image.mean, image.std))
        levels = np.arange(256, dtype=np.float64)[:, None]
        self._tables: Float32 = ((levels - mean) * (1 / std)).astype(np.float32)
        self._source = (2, 1, 0) if bgr else (0, 1, 2)

    def into(self, out: Float32, rgb: NDArray[np.uint8]) -> None:
        """Write the normalised image of `rgb` [H, W, 3] to `out` [3, H, W]."""
        for channel, source in enumerate(self._source):
            np.take(self._tables[:, channel], rgb[:, :, source], out=out[channel])
