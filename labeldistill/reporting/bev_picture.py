"""A key frame from above: LiDAR points, range rings and boxes in the ego frame, x forward and up."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Corners = NDArray[np.float64]
Colour = tuple[int, int, int]

_PAPER, _RING, _POINT = (18, 23, 30), (58, 69, 82), (120, 132, 148)


def bev_picture(points: NDArray[Any], boxes: Mapping[Colour, Corners], reach_m: float, side: int) -> Image.Image:
    """Draw a square picture.

    Args:
        points: [P, 3+] x, y, z in the ego frame, metres.
        boxes: colour -> corners [n, 8, 3] in the ego frame (see `geometry.boxes.corners`).
        reach_m: metres from the ego vehicle to each side.
        side: pixels.
    """
    scale = side / (2 * reach_m)
    image = Image.new("RGB", (side, side), _PAPER)
    pixels = np.asarray(image).copy()
    near = np.abs(points[:, :2]).max(axis=1) < reach_m
    place = _pixels(points[near, :2], reach_m, scale).astype(int).clip(0, side - 1)
    pixels[place[:, 1], place[:, 0]] = _POINT
    image = Image.fromarray(pixels)
    pen = ImageDraw.Draw(image)
    step = 10.0 if reach_m > 20 else 5.0
    for radius in np.arange(step, reach_m + step / 2, step):
        centre, length = side / 2, radius * scale
        pen.ellipse((centre - length, centre - length, centre + length, centre + length), outline=_RING)
        pen.text((centre + 3, centre - length + 2), f"{radius:g} m", fill=_POINT)
    pen.polygon([(side / 2, side / 2 - 7), (side / 2 - 5, side / 2 + 6), (side / 2 + 5, side / 2 + 6)], fill=_POINT)
    for colour, corners in boxes.items():
        for box in corners:
            _outline(pen, _pixels(box[:, :2], reach_m, scale), colour)
    return image


def _pixels(xy: NDArray[Any], reach_m: float, scale: float) -> NDArray[np.float64]:
    """Forward is up, left is left."""
    return np.stack([(reach_m - xy[:, 1]) * scale, (reach_m - xy[:, 0]) * scale], axis=1)


def _outline(pen: ImageDraw.ImageDraw, corners: NDArray[np.float64], colour: Colour) -> None:
    """The upper edge of a box, and a line from its centre through its front."""
    around = [tuple(corners[place]) for place in (0, 1, 5, 4, 0)]
    pen.line(around, fill=colour, width=2)
    front = corners[[0, 1]].mean(axis=0)
    pen.line([tuple(corners[:8].mean(axis=0)), tuple(front)], fill=colour, width=2)
