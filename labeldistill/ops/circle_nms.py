"""Non-maximum suppression by the distance between box centres, and a variant by box size."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]

BLOCK = 64  # rows of the neighbour matrix computed at once


def circle_nms(
    centres: Floats, scores: Floats, radius: float, *, squared_distance: bool, max_kept: int | None = None
) -> Indices:
    """Suppress boxes whose centre lies within `radius` of a kept box of higher score (mmdet3d, circle_nms).

    Args:
        centres: [n, 2] x, y in metres; distances are computed in their precision.
        scores: [n]; for ties see `descending`.
        radius: metres; a centre exactly at this distance is suppressed.
        squared_distance: compare `radius` with the SQUARED distance (released: a "radius" of 4 reaches 2 m).
        max_kept: only the best are returned; None returns all.

    Returns:
        Indices of the kept boxes, best first.
    """
    order = descending(scores)
    x, y = np.ascontiguousarray(centres[order].T)
    limit = radius if squared_distance else radius * radius

    def near(rows: slice) -> Bools:
        below = slice(rows.start, None)
        within: Bools = np.square(x[rows, None] - x[below]) + np.square(y[rows, None] - y[below]) <= limit
        return within

    return order[_greedy(len(order), near, max_kept)]


def size_aware_circle_nms(boxes: Floats, scores: Floats, scale: float, *, max_kept: int | None = None) -> Indices:
    """Suppress boxes nearer to a kept box of higher score than their scaled half extents, in x and in y.

    The extents are those of the rotated boxes along the grid's axes (size_aware_circle_nms of BEVDepth's head).

    Args:
        boxes: [n, 5] x, y, dx, dy in metres, yaw in radians.
        scores: [n]; for ties see `descending`.
        scale: factor on the extents; a centre exactly at the limit is suppressed.
        max_kept: only the best are returned; None returns all.

    Returns:
        Indices of the kept boxes, best first.
    """
    order = descending(scores)
    x, y, dx, dy, yaw = np.ascontiguousarray(boxes[order].T)
    cos, sin = np.cos(yaw), np.sin(yaw)
    extent_x = abs(dx * cos) + abs(dy * sin)
    extent_y = abs(dx * sin) + abs(dy * cos)

    def near(rows: slice) -> Bools:
        below = slice(rows.start, None)
        in_x = abs(x[rows, None] - x[below]) <= (extent_x[below] + extent_x[rows, None]) * scale / 2
        in_y = abs(y[rows, None] - y[below]) <= (extent_y[below] + extent_y[rows, None]) * scale / 2
        both: Bools = in_x & in_y
        return both

    return order[_greedy(len(order), near, max_kept)]


def descending(scores: Floats) -> Indices:
    """Indices from the highest to the lowest score; among equal scores the later index comes first.

    That is the released order (numba's argsort, reversed) for up to 15 boxes; beyond that its quicksort leaves equal
    scores in no defined order, while ours stays the same.
    """
    return np.argsort(scores, kind="stable")[::-1].astype(np.int64)


def _greedy(count: int, near: Callable[[slice], Bools], max_kept: int | None) -> Indices:
    """Walk down `count` boxes, best first; each kept one suppresses its neighbours.

    `near(rows)` says which boxes from `rows.start` on are neighbours of each of those rows: [rows, count - start].
    """
    alive = np.ones(count, dtype=bool)
    kept: list[int] = []
    for start in range(0, count, BLOCK):
        rows = slice(start, min(start + BLOCK, count))
        far = ~near(rows)
        for i in range(rows.start, rows.stop):
            if len(kept) == max_kept:  # a box only suppresses boxes of lower score: the rest can't change what is kept
                return np.asarray(kept, dtype=np.int64)
            if alive[i]:
                kept.append(i)
                alive[start:] &= far[i - start]
    return np.asarray(kept, dtype=np.int64)
