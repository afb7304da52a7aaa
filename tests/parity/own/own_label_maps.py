"""03b: the released label maps, one cell after the other.

A box is drawn at half its size, its corners truncated toward zero; a cell is filled that lies in the polygon or on its
boundary, rows and columns below zero are dropped and those beyond the last are moved onto it. A polygon without area
leaves its corners only: `skimage.draw.polygon` crosses each of its coinciding edges twice.
"""

import cmath
from typing import Any

import torch
from torch import Tensor

SIZE, CELL_M, CLASSES = 16, 0.8, 10
BEYOND = 20  # cells looked at past the border; no polygon reaches further

# centre x, y, length, width in cells, yaw, class
BOXES = [
    (8.3, 7.7, 8.0, 4.0, 0.0, 0),
    (8.3, 7.7, 8.1, 4.1, 1.57, 1),
    (5.4, 10.2, 9.0, 3.5, 0.6, 2),
    (10.9, 4.1, 12.0, 6.0, -2.2, 9),
    (3.2, 3.9, 3.0, 3.0, 0.8, 4),
    (12.45, 12.45, 1.0, 1.0, 0.3, 5),  # within one cell
    (6.5, 12.5, 8.0, 0.8, 0.0, 6),  # truncated to a line
    (15.6, 15.7, 10.0, 5.0, 0.4, 7),  # over both far borders
    (0.2, 3.1, 14.0, 5.0, 1.3, 8),  # over a near border
    (0.1, 9.4, 3.2, 8.0, 0.0, 6),  # corners at -0.7 and 0.9 are both in column 0
    (-6.0, 10.0, 6.0, 6.0, 0.2, 3),  # beyond a near border: nothing
    (22.3, 6.4, 6.0, 9.0, 2.0, 0),  # beyond a far border: smeared
]


def _corners(x: float, y: float, length: float, width: float, yaw: float) -> list[tuple[int, int]]:
    turn, centre = cmath.exp(1j * yaw), complex(x, y)
    whole = []
    for along, across in ((1, 1), (1, -1), (-1, -1), (-1, 1)):
        corner = centre + turn * complex(along * length / 4, across * width / 4)
        for part in (corner.real, corner.imag):
            assert abs(part - round(part)) > 1e-3, "too near a border: float32 decides there"
        whole.append((int(corner.real), int(corner.imag)))
    return whole


def _in_polygon(corners: list[tuple[int, int]], x: int, y: int) -> bool:
    """In the closed polygon, by the sides of its edges: `_is_convex` has been asserted."""
    sides = [
        (bx - ax) * (y - ay) - (by - ay) * (x - ax)
        for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True)
    ]
    return all(side >= 0 for side in sides) or all(side <= 0 for side in sides)


def _cells(corners: list[tuple[int, int]]) -> set[tuple[int, int]]:
    """Row and column of every cell that is drawn, on the map."""
    edges = list(zip(corners, corners[1:] + corners[:1], strict=True))
    if sum(ax * by - bx * ay for (ax, ay), (bx, by) in edges) == 0:
        filled = set(corners)
    else:
        assert all(_in_polygon(corners, *corner) for corner in corners), "not convex after truncation"
        filled = {(x, y) for x in range(BEYOND * 2) for y in range(BEYOND * 2) if _in_polygon(corners, x, y)}
    return {(min(y, SIZE - 1), min(x, SIZE - 1)) for x, y in filled if x >= 0 and y >= 0}


def _blank() -> dict[str, Tensor]:
    box, label = torch.zeros(SIZE, SIZE, 9), torch.zeros(SIZE, SIZE, CLASSES)
    return {"bev_mask": torch.zeros(SIZE, SIZE, dtype=torch.float64), "bev_box": box, "bev_label": label}


def _draw(maps: dict[str, Tensor], cells: set[tuple[int, int]], box: Tensor, label: int) -> None:
    for row, column in cells:
        maps["bev_mask"][row, column] = 1
        maps["bev_box"][row, column] = box
        maps["bev_label"][row, column] = 0
        maps["bev_label"][row, column, label] = 1


def label_maps() -> dict[str, Any]:
    """Boxes on a map each, and one after the other on one map, where the later one wins."""
    cases, together = [], _blank()
    for number, (x, y, length, width, yaw, label) in enumerate(BOXES):
        box = torch.tensor([x, y, 0.5, length * CELL_M, width * CELL_M, 1.5, yaw, number + 1.0, -1.0])
        cells, alone = _cells(_corners(x, y, length, width, yaw)), _blank()
        assert bool(cells) == (x > -5)
        for maps in (alone, together):
            _draw(maps, cells, box, label)
        sizes = {"width": torch.tensor(length), "length": torch.tensor(width)}  # the release's names
        center = torch.tensor([x, y])
        cases.append({"center": center, **sizes, "label_box": box, "label_class": label, **alone})
    return {"cases": cases, "accumulated": together}
