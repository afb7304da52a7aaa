"""Training targets of the centre head: heatmaps, box codes, and the cells they apply to."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from labeldistill.config.grid import GridSettings
from labeldistill.config.model import HeadSettings
from labeldistill.geometry.classes import CLASSES, TASKS
from labeldistill.models.centre_head.gaussian import draw_gaussians, gaussian_radius, whole_radius
from labeldistill.ops.constants import constant, sample_of_rows

CODE_SIZE = 10
_TASK_OF_CLASS = tuple(task for task, names in enumerate(TASKS) for _ in names)


@dataclass(frozen=True)
class Targets:
    """Targets of B samples; every field is a list over the six tasks.

    Attributes:
        heatmaps: [B, classes, H, W] in 0..1, exactly 1 in the cell of a box centre (rows y, columns x).
        boxes: [B, max_objects, 10]: x, y offset inside the cell (cells), z of the box centre (metres), log of
            dx, dy, dz (metres), sine and cosine of yaw, vx, vy (m/s); zeros in unused slots.
        indices: [B, max_objects] int64, row * W + column of each slot's cell; 0 in unused slots.
        masks: [B, max_objects] bool, True for used slots. Slots of skipped boxes stay empty (quirk 9).
    """

    heatmaps: list[Tensor]
    boxes: list[Tensor]
    indices: list[Tensor]
    masks: list[Tensor]


@dataclass(frozen=True)
class _Objects:
    """The n boxes of a batch, ordered by sample, task, class and position in the input.

    All of them: how many are used is known to the device, and asking it would make it wait.
    """

    boxes: Tensor  # [n, 9]
    labels: Tensor  # [n]
    sample: Tensor  # [n]
    task: Tensor  # [n]
    slot: Tensor  # [n]
    used: Tensor  # [n] of a known class and with a slot


def build_targets(
    boxes: Sequence[Tensor],
    labels: Sequence[Tensor],
    grid: GridSettings,
    head: HeadSettings,
    *,
    truncate_centres: bool,
    old_radius: bool,
) -> Targets:
    """Targets of a batch (KDHead.get_targets of the release, without its label maps; mmdet3d CenterHead.get_targets).

    A box is skipped if its length or width is not positive, if its centre lies outside the grid, or if its task
    already has `head.max_objects` boxes before it (by class, then in the given order).

    Args:
        boxes: B tensors [n, 9] as in `Batch.boxes` (metres, radians, m/s).
        labels: B tensors [n] int64; boxes with values outside 0..9 are skipped.
        grid: range and cell size.
        head: overlap and least radius of the bumps, slots per task.
        truncate_centres: True rounds centre cells toward zero, so that centres up to one cell below the range count
            as cell 0 with a negative offset (released, quirk 8); False rounds down, so that they are out of range.
        old_radius: released radius formula (quirk 10) instead of the correct one.
    """
    columns, rows = grid.cells_xy
    objects = _with_slots(boxes, labels, head.max_objects)
    centre, extent = _in_cells(objects.boxes, grid)
    whole = torch.trunc(centre) if truncate_centres else torch.floor(centre)
    used = objects.used & (extent > 0).all(1) & (whole >= 0).all(1) & (whole[:, 0] < columns) & (whole[:, 1] < rows)
    extent, whole = (torch.where(used[:, None], value, 1.0) for value in (extent, whole))

    device, count = centre.device, len(boxes)
    column, row = whole.long().unbind(1)
    radius = gaussian_radius(extent[:, 0], extent[:, 1], head.gaussian_overlap, old_formula=old_radius)
    radius = torch.where(used, whole_radius(radius, head.min_gaussian_radius), -1)
    heatmaps = torch.zeros(count, len(CLASSES), rows, columns, device=device)
    plane = objects.sample * len(CLASSES) + objects.labels
    draw_gaussians(heatmaps.flatten(0, 1), plane, column, row, radius)

    shape = (len(TASKS), count, head.max_objects + 1)  # the last slot takes the boxes that are skipped
    codes = torch.zeros(*shape, CODE_SIZE, device=device)
    indices = torch.zeros(shape, dtype=torch.int64, device=device)
    masks = torch.zeros(shape, dtype=torch.bool, device=device)
    where = (objects.task, objects.sample, torch.where(used, objects.slot, head.max_objects))
    codes[where] = _box_code(objects.boxes, centre - whole)
    indices[where] = row * columns + column
    masks[where] = used
    codes, indices, masks = (values[:, :, :-1].contiguous() for values in (codes, indices, masks))
    by_task = torch.split(heatmaps, [len(task) for task in TASKS], dim=1)
    return Targets(list(by_task), list(codes), list(indices), list(masks))


def _with_slots(boxes: Sequence[Tensor], labels: Sequence[Tensor], max_objects: int) -> _Objects:
    """Order the batch's boxes as the release does, and number them within their task; unknown classes come last."""
    flat = torch.cat([b.float() if len(b) else b.new_zeros(0, 9) for b in boxes])  # empty ones may be [0, 7]
    label = torch.cat([x.long() for x in labels])
    sample = sample_of_rows(labels)
    known = (label >= 0) & (label < len(CLASSES))
    key = torch.where(known, sample * len(CLASSES) + label, len(labels) * len(CLASSES))
    order = torch.argsort(key, stable=True)
    flat, sample, known = flat[order], sample[order], known[order]
    label = torch.where(known, label[order], 0)
    task = constant(_TASK_OF_CLASS, label)[label]
    group = torch.where(known, sample * len(TASKS) + task, len(labels) * len(TASKS))
    slot = torch.arange(len(group), device=group.device) - torch.searchsorted(group, group)
    return _Objects(flat, label, sample, task, slot, known & (slot < max_objects))


def _in_cells(boxes: Tensor, grid: GridSettings) -> tuple[Tensor, Tensor]:
    """Centres [n, 2] (x, y from the grid's lower corner) and extents [n, 2] (dx, dy) in cells."""
    low = constant((grid.x_m[0], grid.y_m[0]), boxes)
    step = constant((grid.x_m[2], grid.y_m[2]), boxes)
    return (boxes[:, :2] - low) / step, boxes[:, 3:5] / step


def _box_code(boxes: Tensor, offset: Tensor) -> Tensor:
    """[n, 10] of boxes [n, 9] and offsets [n, 2]; velocities may be NaN, as in the tables."""
    yaw = boxes[:, 6:7]
    return torch.cat([offset, boxes[:, 2:3], boxes[:, 3:6].log(), yaw.sin(), yaw.cos(), boxes[:, 7:9]], dim=1)
