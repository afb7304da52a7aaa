"""Map masks: where one can drive, as 8-bit images of 0.1 m cells whose lower left corner is the global origin."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from labeldistill.synthetic.ground import DRIVABLE

_CELL_M = 0.1
_BORDER_M = 40.0


def write_mask(paths: list[NDArray[np.float64]], file: Path) -> None:
    """Draw the roads along the given middle lines [n, 2] (global metres) and write the mask."""
    extent = max((float(path.max()) for path in paths), default=0.0) + _BORDER_M
    side = int(np.ceil(extent / _CELL_M))
    mask = Image.new("L", (side, side), 0)
    pen = ImageDraw.Draw(mask)
    middle, width = sum(DRIVABLE) / 2, DRIVABLE[1] - DRIVABLE[0]
    for path in paths:
        ahead = np.gradient(path, axis=0)
        left = np.stack([-ahead[:, 1], ahead[:, 0]], 1) / np.linalg.norm(ahead, axis=1, keepdims=True)
        line = (path + middle * left) / _CELL_M
        pen.line([(x, side - y) for x, y in line], fill=255, width=round(width / _CELL_M), joint="curve")
    mask.save(file, "PNG", compress_level=3)
