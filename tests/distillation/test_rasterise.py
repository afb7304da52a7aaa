"""Which cells a box covers, against independent oracles: half planes, and clipping a box by a cell."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labeldistill.distillation.rasterise import Rectangles, overlapped_cells, polygon_cells

Point = tuple[float, float]


def cells_of(cells, box=0):
    keep = cells.box == box
    return set(zip(cells.column[keep].tolist(), cells.row[keep].tolist(), strict=True))


def rectangle(x, y, length, width, yaw):
    return Rectangles(torch.tensor([[x, y]]), torch.tensor([[length, width]]), torch.tensor([yaw]))


def in_closed_convex(corners: list[tuple[int, int]], x: int, y: int) -> bool:
    sides = []
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        sides.append((bx - ax) * (y - ay) - (by - ay) * (x - ax))
    return all(s >= 0 for s in sides) or all(s <= 0 for s in sides)


def strictly_convex(corners: list[tuple[int, int]]) -> bool:
    turns = []
    for i in range(4):
        (ax, ay), (bx, by), (cx, cy) = (corners[(i + k) % 4] for k in range(3))
        turns.append((bx - ax) * (cy - by) - (by - ay) * (cx - bx))
    return all(t > 0 for t in turns) or all(t < 0 for t in turns)


@settings(max_examples=150, deadline=None)
@given(st.floats(-4, 20), st.floats(-4, 20), st.floats(0.1, 14), st.floats(0.1, 8), st.floats(-4, 4))
def test_whole_polygons_are_filled_with_their_boundary(x, y, length, width, yaw):
    corners = rectangle(x, y, length, width, yaw).corners().trunc()
    whole = [tuple(map(int, c)) for c in corners[0].tolist()]
    if not strictly_convex(whole):
        return
    expected = {(i, j) for i in range(0, 40) for j in range(0, 40) if in_closed_convex(whole, i, j)}
    assert cells_of(polygon_cells(corners)) == expected


@pytest.mark.parametrize(
    ("corners", "expected"),
    [
        # a line that coincides with itself keeps only its ends: its edges cancel
        ([(2, 3), (7, 3), (7, 3), (2, 3)], {(2, 3), (7, 3)}),
        ([(4, 1), (4, 1), (4, 6), (4, 6)], {(4, 1), (4, 6)}),
        ([(5, 5), (5, 5), (5, 5), (5, 5)], {(5, 5)}),
        # rows and columns below zero are dropped, the rest stays
        ([(-2, 0), (1, 0), (1, 1), (-2, 1)], {(0, 0), (1, 0), (0, 1), (1, 1)}),
        ([(-5, 2), (-1, 2), (-1, 4), (-5, 4)], set()),
        # a bow tie: both wings, and the crossing
        ([(0, 0), (4, 4), (4, 0), (0, 4)], {(i, j) for i in range(5) for j in range(5) if abs(j - 2) <= abs(i - 2)}),
    ],
)
def test_polygons_by_hand(corners, expected):
    assert cells_of(polygon_cells(torch.tensor([corners]))) == expected


def clipped_area(corners: list[Point], x: int, y: int) -> float:
    """Area of a convex polygon inside the unit cell at (x, y), by clipping it at the four sides."""
    polygon = corners
    for axis, bound, sign in ((0, x, 1), (0, x + 1, -1), (1, y, 1), (1, y + 1, -1)):
        clipped: list[Point] = []
        for p, q in zip(polygon, polygon[1:] + polygon[:1], strict=True):
            dp, dq = sign * (p[axis] - bound), sign * (q[axis] - bound)
            if dp >= 0:
                clipped.append(p)
            if (dp > 0 > dq) or (dp < 0 < dq):
                t = dp / (dp - dq)
                clipped.append((p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])))
        polygon = clipped
        if not polygon:
            return 0.0
    pairs = zip(polygon, polygon[1:] + polygon[:1], strict=True)
    return abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in pairs)) / 2


@settings(max_examples=100, deadline=None)
@given(st.floats(-3, 9), st.floats(-3, 9), st.floats(0.05, 9), st.floats(0.05, 5), st.floats(-4, 4))
def test_exact_cells_are_those_that_share_area_with_the_box(x, y, length, width, yaw):
    cos, sin = math.cos(yaw), math.sin(yaw)
    halves = [(length / 2, width / 2), (-length / 2, width / 2), (-length / 2, -width / 2), (length / 2, -width / 2)]
    corners = [(x + a * cos - b * sin, y + a * sin + b * cos) for a, b in halves]
    found = cells_of(overlapped_cells(rectangle(x, y, length, width, yaw)))
    for i in range(0, 16):
        for j in range(0, 16):
            area = clipped_area(corners, i, j)
            if area > 1e-4:
                assert (i, j) in found
            elif area == 0 and (i, j) in found:  # only where the box touches the cell but for rounding
                grown = [(x + 1.001 * (px - x), y + 1.001 * (py - y)) for px, py in corners]
                assert clipped_area(grown, i, j) > 0
    if x >= 0 and y >= 0:
        assert (math.floor(x), math.floor(y)) in found


def test_many_boxes_at_once_equal_one_at_a_time():
    generator = torch.Generator().manual_seed(0)
    many = Rectangles(
        torch.rand(60, 2, generator=generator) * 40 - 4,
        torch.rand(60, 2, generator=generator) * 10 + 0.1,
        torch.rand(60, generator=generator) * 7 - 3.5,
    )
    polygons, exact = polygon_cells(many.corners().trunc()), overlapped_cells(many)
    for k in range(60):
        one = Rectangles(many.centres[k : k + 1], many.sizes[k : k + 1], many.yaws[k : k + 1])
        assert cells_of(polygons, k) == cells_of(polygon_cells(one.corners().trunc()))
        assert cells_of(exact, k) == cells_of(overlapped_cells(one))


def test_no_boxes_cover_no_cells():
    none = Rectangles(torch.zeros(0, 2), torch.zeros(0, 2), torch.zeros(0))
    assert len(polygon_cells(none.corners().trunc()).box) == 0
    assert len(overlapped_cells(none).box) == 0
