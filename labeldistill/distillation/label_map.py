"""Ground-truth boxes drawn into the BEV grid: the label encoder's input (released: utils/bev_mask.py, kd_head.py)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from labeldistill.config.grid import GridSettings
from labeldistill.config.study import RunSettings
from labeldistill.distillation.rasterise import Cells, Rectangles, overlapped_cells, polygon_cells
from labeldistill.geometry.classes import CLASSES, TASKS
from labeldistill.ops.constants import constant, sample_of_rows

TASK_OF_CLASS: tuple[int, ...] = tuple(task for task, names in enumerate(TASKS) for _ in names)
NOT_DRAWN = -1


@dataclass(frozen=True)
class LabelMaps:
    """B label maps of ny rows (y) and nx columns (x).

    Attributes:
        mask: [B, ny, nx] uint8, 1 where a box is drawn (the encoder does not read it).
        box: [B, ny, nx, 9] the box of the cell: x, y, z, dx, dy, dz (metres), yaw (radians), vx, vy (m/s); or
            [B, ny, nx, 10], see `relative_code`. Zeros where nothing is drawn.
        label: [B, ny, nx, 10] one-hot class, zeros where nothing is drawn.
    """

    mask: Tensor
    box: Tensor
    label: Tensor


@dataclass(frozen=True)
class LabelMapOptions:
    """How boxes are drawn; the defaults are those of the release.

    Attributes:
        half_extent: draw a box at half its length and width (switch `label_extent`).
        smear_border: cells beyond the last row or column are moved onto it, even for boxes that lie outside
            (switch `label_border`); otherwise they are left out.
        truncate_corners: truncate corners toward zero and fill the integer polygon, which leaves only the corners of
            thin boxes (switch `label_rounding`); otherwise draw every cell that the box overlaps.
        relative_boxes: cells carry the box relative to themselves (switch `label_box_encoding`).
        mask_nan: an unknown velocity is drawn as 0 (switch `nan_targets`; as released, its NaN reaches every feature).
        max_objects: most boxes drawn per task.
    """

    half_extent: bool = True
    smear_border: bool = True
    truncate_corners: bool = True
    relative_boxes: bool = False
    mask_nan: bool = False
    max_objects: int = 500

    @classmethod
    def from_settings(cls, run: RunSettings) -> "LabelMapOptions":
        """The options of a label-encoder or student run."""
        assert run.label_encoder is not None
        return cls(
            half_extent=run.released("label_extent"),
            smear_border=run.released("label_border"),
            truncate_corners=run.released("label_rounding"),
            relative_boxes=not run.released("label_box_encoding"),
            mask_nan=not run.released("nan_targets"),
            max_objects=run.label_encoder.head.max_objects,
        )

    @property
    def box_features(self) -> int:
        """Number of values that describe a drawn box."""
        return 10 if self.relative_boxes else 9


RELEASED_OPTIONS = LabelMapOptions()


def draw_label_maps(
    boxes: Sequence[Tensor], labels: Sequence[Tensor], grid: GridSettings, options: LabelMapOptions = RELEASED_OPTIONS
) -> LabelMaps:
    """Draw the label maps of B samples.

    Boxes without length or width, with values that are not finite, or of an unknown class are not drawn. Where boxes
    overlap, the last one drawn is kept; they are drawn by class (so by task), then in the given order.

    Args:
        boxes: B tensors [n, 9] as in `data.batch.Batch` (metres, radians, m/s).
        labels: B tensors [n] int64 class indices.
        grid: range and cell size.
        options: how boxes are drawn.

    Returns:
        Maps of B samples.
    """
    sample, index = _drawing_order(labels, options.max_objects)
    box, label = _joined(boxes, 9)[index], _joined(labels)[index]
    drawn = (sample >= 0) & (box[:, 3] > 0) & (box[:, 4] > 0) & torch.isfinite(box[:, :7]).all(1)
    box = torch.nan_to_num(box, nan=0.0) if options.mask_nan else box
    place = torch.where(drawn[:, None], box[:, [0, 1, 3, 4, 6]], 0.0)  # not where they could cover a million cells
    sizes = place[:, 2:4] / constant((grid.x_m[2], grid.y_m[2]), box)
    outlines = Rectangles(in_cells(place[:, :2], grid), sizes, place[:, 4])
    size = (len(boxes), *grid.cells_xy)
    return draw_outlines(outlines, box, label, torch.where(drawn, sample, NOT_DRAWN), size, options)


def draw_outlines(
    outlines: Rectangles,
    boxes: Tensor,
    labels: Tensor,
    sample: Tensor,
    size: tuple[int, int, int],
    options: LabelMapOptions = RELEASED_OPTIONS,
) -> LabelMaps:
    """Draw K boxes in the given order.

    Args:
        outlines: position, full size and heading of the boxes in the grid.
        boxes: [K, 9].
        labels: [K] int64.
        sample: [K] int64, the map into which each box is drawn; NOT_DRAWN: into none.
        size: number of maps, cells along x, cells along y.
        options: how boxes are drawn.
    """
    winner = _winners(sample, _covered(outlines, size[1:], options), size)
    drawn = winner >= 0
    last = torch.where(drawn, winner, len(boxes)).flatten()  # a row of zeros behind the others stands for nothing
    codes = boxes
    if options.relative_boxes:
        codes = relative_code(outlines.centres, boxes, boxes.new_zeros(len(boxes), 2, dtype=torch.int64))
    codes = F.pad(codes, (0, 0, 0, 1))[last]
    if options.relative_boxes:
        columns, rows = (torch.arange(cells, device=boxes.device) for cells in size[1:])
        codes.view(*winner.shape, -1)[..., 0] -= columns
        codes.view(*winner.shape, -1)[..., 1] -= rows[:, None]
    codes = torch.where(drawn.flatten()[:, None], codes, 0.0)
    classes = F.pad(labels, (0, 1), value=NOT_DRAWN)[last]
    one_hot = classes[:, None] == torch.arange(len(CLASSES), device=boxes.device)
    return LabelMaps(
        drawn.to(torch.uint8),
        codes.view(*winner.shape, -1),
        one_hot.to(boxes.dtype).view(*winner.shape, -1),
    )


def relative_code(centres: Tensor, boxes: Tensor, cells: Tensor) -> Tensor:
    """The head's code of a box relative to a cell, [K, 10].

    x, y of the centre from the cell's lower corner (cells), z (metres), log of dx, dy, dz (metres), sine and cosine
    of yaw, vx, vy (m/s). From nine raw numbers, by contrast, the encoder has to infer the offset inside the cell from
    absolute coordinates.

    Args:
        centres: [K, 2] x, y in cells from the grid's lower corner.
        boxes: [K, 9].
        cells: [K, 2] row, column.
    """
    yaw, dims = boxes[:, 6:7], boxes[:, 3:6].clamp(min=1e-3)  # keeps the logarithm of a box without height finite
    offset = centres - cells.flip(1)
    return torch.cat((offset, boxes[:, 2:3], dims.log(), yaw.sin(), yaw.cos(), boxes[:, 7:9]), dim=1)


def in_cells(xy: Tensor, grid: GridSettings) -> Tensor:
    """Positions [K, 2] in metres to cells from the grid's lower corner."""
    return (xy - constant((grid.x_m[0], grid.y_m[0]), xy)) / constant((grid.x_m[2], grid.y_m[2]), xy)


def _joined(tensors: Sequence[Tensor], *shape: int) -> Tensor:
    return torch.cat([t.reshape(-1, *shape) for t in tensors])


def _drawing_order(labels: Sequence[Tensor], max_objects: int) -> tuple[Tensor, Tensor]:
    """Sample [K] and index [K] (into the joined boxes of all samples) of all boxes, in drawing order.

    Those that are not drawn, of an unknown class or one too many for their task, have the sample NOT_DRAWN.
    """
    label, sample = _joined(labels), sample_of_rows(labels)
    known = (label >= 0) & (label < len(CLASSES))
    order = torch.argsort(torch.where(known, sample * len(CLASSES) + label, len(labels) * len(CLASSES)), stable=True)
    label, sample, known = label[order], sample[order], known[order]
    task = constant(TASK_OF_CLASS, label)[torch.where(known, label, 0)]
    group = torch.where(known, sample * len(TASKS) + task, len(labels) * len(TASKS))
    rank = torch.arange(len(order), device=label.device) - torch.searchsorted(group, group)
    return torch.where(known & (rank < max_objects), sample, NOT_DRAWN), order


def _covered(outlines: Rectangles, cells_xy: tuple[int, int], options: LabelMapOptions) -> Cells:
    outlines = outlines.scaled(0.5) if options.half_extent else outlines
    cells = polygon_cells(outlines.corners().trunc()) if options.truncate_corners else overlapped_cells(outlines)
    return cells.clamped(cells_xy) if options.smear_border else cells.inside(cells_xy)


def _winners(sample: Tensor, cells: Cells, size: tuple[int, int, int]) -> Tensor:
    """[maps, ny, nx] index of the last box drawn in each cell, -1 for none."""
    maps, nx, ny = size
    box, owner = cells.box, F.pad(sample, (0, 1), value=NOT_DRAWN)[cells.box]  # box -1 finds the last one
    drawn = (box >= 0) & (owner >= 0)
    flat = torch.where(drawn, (owner * ny + cells.row) * nx + cells.column, 0)
    winner = torch.full((maps * ny * nx,), -1, dtype=torch.int64, device=sample.device)
    return winner.scatter_reduce_(0, flat, torch.where(drawn, box, -1), "amax").view(maps, ny, nx)
