"""Which BEV cells a box covers: integer polygons as the released code draws them, and exact overlap."""

from dataclasses import dataclass

import torch
from torch import Tensor

from labeldistill.ops.constants import constant


@dataclass(frozen=True)
class Rectangles:
    """K boxes seen from above, in cells (the centre of cell (i, j) lies at (i + 0.5, j + 0.5)).

    Attributes:
        centres: [K, 2] x, y.
        sizes: [K, 2] extent along the box's own length and width.
        yaws: [K] radians, counter-clockwise from +x.
    """

    centres: Tensor
    sizes: Tensor
    yaws: Tensor

    @property
    def halves(self) -> Tensor:
        """[K, 2] half the extent."""
        return self.sizes / 2

    def scaled(self, factor: float) -> "Rectangles":
        """Boxes at the same place with `factor` times the length and width."""
        return Rectangles(self.centres, self.sizes * factor, self.yaws)

    def corners(self) -> Tensor:
        """[K, 4, 2] x, y of the corners, in order around the box.

        Written as the released code does it (width along the rotated x axis, yaw - pi/2, float32), because the
        last bit decides how a corner on a cell border is truncated.
        """
        turned = self.yaws - torch.pi / 2
        cos, sin = torch.cos(turned)[:, None], torch.sin(turned)[:, None]
        length, width = self.halves[:, :1], self.halves[:, 1:]
        x = width * constant((1, 1, -1, -1), self.halves)
        y = length * constant((1, -1, -1, 1), self.halves)
        return torch.stack((x * cos - y * sin, x * sin + y * cos), dim=-1) + self.centres[:, None]


@dataclass(frozen=True)
class Cells:
    """M (box, cell) pairs: [M] index of the box, row (y) and column (x) of the cell; never negative.

    A pair whose box is -1 doesn't count: removing it would wait for the number of those that do.
    """

    box: Tensor
    row: Tensor
    column: Tensor

    def kept(self, keep: Tensor) -> "Cells":
        """Only the pairs for which `keep` [M] holds count."""
        return Cells(torch.where(keep, self.box, -1), self.row, self.column)

    def inside(self, cells_xy: tuple[int, int]) -> "Cells":
        """The pairs whose cell exists in a grid of nx by ny cells."""
        return self.kept((self.column < cells_xy[0]) & (self.row < cells_xy[1]))

    def clamped(self, cells_xy: tuple[int, int]) -> "Cells":
        """Move cells beyond the last row or column onto it (the released behaviour)."""
        return Cells(self.box, self.row.clamp(max=cells_xy[1] - 1), self.column.clamp(max=cells_xy[0] - 1))


def _windows(low: Tensor, high: Tensor) -> Cells:
    """Every cell of K windows: `low`, `high` [K, 2] first and last x, y (inclusive), int64; empty if high < low."""
    low = low.clamp(min=0)
    size = (high - low + 1).clamp(min=0)
    counts = size[:, 0] * size[:, 1]
    box = torch.repeat_interleave(torch.arange(len(low), device=low.device), counts)
    within = torch.arange(len(box), device=low.device) - (counts.cumsum(0) - counts)[box]
    width = size[:, 0].clamp(min=1)[box]
    row = torch.div(within, width, rounding_mode="floor")
    return Cells(box, row + low[box, 1], within - row * width + low[box, 0])


def polygon_cells(corners: Tensor) -> Cells:
    """Cells of K quadrilaterals with whole-number corners [K, 4, 2] (x, y), as `skimage.draw.polygon` fills them.

    A cell is filled if it is a corner, if a ray to one side crosses the outline an odd number of times, or if the rays
    to the left and to the right disagree (it lies on an edge). Coinciding edges, as in a box truncated to a line,
    cancel, so only the corners of such a box remain. Negative cells are left out; there is no upper bound.
    """
    corners = corners.long()
    cells = _windows(corners.amin(1), corners.amax(1))
    dx = corners[cells.box, :, 0] - cells.column[:, None]
    dy = corners[cells.box, :, 1] - cells.row[:, None]
    before_dx, before_dy = dx.roll(1, 1), dy.roll(1, 1)
    corner = ((dx == 0) & (dy == 0)).any(1)
    # sign of the x at which the edge meets the cell's row, relative to the cell
    side = torch.sign(dx * before_dy - before_dx * dy) * torch.sign(before_dy - dy)
    right = (((dy > 0) != (before_dy > 0)) & (side > 0)).sum(1) % 2
    left = (((dy < 0) != (before_dy < 0)) & (side < 0)).sum(1) % 2
    return cells.kept(corner | (right == 1) | (left == 1))


def overlapped_cells(boxes: Rectangles) -> Cells:
    """Every cell whose square overlaps the box, without any rounding (separating-axis test).

    The cell of the centre is always included, however thin the box is.
    """
    cos, sin = torch.cos(boxes.yaws), torch.sin(boxes.yaws)
    turn = torch.stack((torch.stack((cos, sin), -1), torch.stack((-sin, cos), -1)), dim=1)  # [K, own axis, x y]
    reach = (turn.abs() * boxes.halves[:, :, None]).sum(1)
    cells = _windows(torch.floor(boxes.centres - reach).long(), torch.floor(boxes.centres + reach).long())
    offset = torch.stack((cells.column, cells.row), -1) + 0.5 - boxes.centres[cells.box]
    own = (turn[cells.box] * offset[:, None]).sum(-1)
    cell_reach = 0.5 * (cos.abs() + sin.abs())
    on_grid = (offset.abs() < reach[cells.box] + 0.5).all(1)
    on_box = (own.abs() < boxes.halves[cells.box] + cell_reach[cells.box, None]).all(1)
    return cells.kept(on_grid & on_box)
