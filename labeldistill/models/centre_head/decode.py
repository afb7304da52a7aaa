"""Decoding: from the maps of the centre head to boxes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from labeldistill.config.grid import GridSettings
from labeldistill.config.model import HeadSettings
from labeldistill.geometry.classes import TASKS
from labeldistill.models.centre_head.head import HeadOutput
from labeldistill.ops.circle_nms import circle_nms, size_aware_circle_nms

MAX_HEIGHT_M = 10.0  # decoded centres beyond this |z| are dropped


@dataclass(frozen=True)
class Detections:
    """Boxes of one sample, in the frame of `Batch.boxes`, on the CPU.

    Attributes:
        boxes: [n, 9] x, y, z (centre, metres), dx, dy, dz (metres), yaw (radians, -pi..pi), vx, vy (m/s).
        scores: [n] in 0..1; task by task, highest first within a task.
        labels: [n] int64, indices into `geometry.classes.CLASSES`.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor


def decode(
    predictions: HeadOutput,
    grid: GridSettings,
    head: HeadSettings,
    *,
    squared_distance: bool,
    size_aware_scales: Sequence[float] | None = None,
) -> list[Detections]:
    """Boxes of every sample: best cells, thresholds, range, circle NMS (get_bboxes of the release's heads).

    The predictions are not changed; gradients are not tracked.

    Args:
        predictions: output of the head; heatmaps are logits.
        grid: range and cell size.
        head: thresholds, counts and radii.
        squared_distance: see `circle_nms` (released).
        size_aware_scales: one per task; uses `size_aware_circle_nms` with them instead (no released experiment does).

    Returns:
        One Detections per sample.
    """
    samples: list[list[Detections]] = [[] for _ in range(len(predictions[0]["heatmap"]))]
    first_class = 0
    for task, maps in enumerate(predictions):
        scale = None if size_aware_scales is None else size_aware_scales[task]
        with torch.no_grad():
            candidates = decode_task(
                maps["heatmap"].float().sigmoid(),
                maps,
                grid,
                max_detections=head.max_detections,
                score_threshold=head.score_threshold,
            )
        for sample, found in zip(samples, candidates, strict=True):
            if scale is None:
                keep = _circle(found, head.circle_nms_radius[task], squared_distance, head.max_per_task)
            else:
                keep = _size_aware(found, scale, head.max_per_task)
            sample.append(Detections(found.boxes[keep], found.scores[keep], found.labels[keep] + first_class))
        first_class += len(TASKS[task])
    return [_joined(tasks) for tasks in samples]


def decode_task(
    scores: Tensor,
    maps: Mapping[str, Tensor],
    grid: GridSettings,
    *,
    max_detections: int,
    score_threshold: float,
    log_dim: bool = True,
) -> list[Detections]:
    """Boxes of one task before NMS (mmdet3d 1.0.0rc4, CenterPointBBoxCoder.decode); labels are indices within the task.

    Args:
        scores: [B, classes, H, W] in 0..1.
        maps: `rot` [B, 2, H, W] sine and cosine of yaw; `height` [B, 1, H, W] z of the box centre, metres; `dim`
            [B, 3, H, W] metres, or their logarithm if `log_dim`; `vel` [B, 2, H, W] m/s (without it, boxes have no
            velocity columns); `reg` [B, 2, H, W] offset in the cell, in cells (without it, the cell's centre is taken).
        grid: range and cell size.
        max_detections: number of best cells to decode, over all classes.
        score_threshold: lower scores are dropped; 0 keeps all.
        log_dim: exponentiate `dim`.

    Returns:
        One Detections per sample, highest score first.
    """
    best, cells, labels = _best_cells(scores, max_detections)
    width = scores.shape[-1]
    corner = torch.stack([cells % width, cells // width], dim=2)
    rot, dim = maps["rot"], maps["dim"]
    offset = _at(maps["reg"], cells) if "reg" in maps else 0.5
    step, low = rot.new_tensor([grid.x_m[2], grid.y_m[2]]), rot.new_tensor([grid.x_m[0], grid.y_m[0]])
    centre = (corner + offset) * step + low
    sine, cosine = _at(rot, cells).unbind(2)
    extent = _at(dim, cells).exp() if log_dim else _at(dim, cells)
    columns = [centre, _at(maps["height"], cells), extent, torch.atan2(sine, cosine).unsqueeze(2)]
    boxes = torch.cat([*columns, _at(maps["vel"], cells)] if "vel" in maps else columns, dim=2)
    far = boxes.new_tensor([grid.max_decoded_distance_m, grid.max_decoded_distance_m, MAX_HEIGHT_M])
    good = (boxes[..., :3].abs() <= far).all(2)
    if score_threshold:
        good &= best > score_threshold
    boxes, best, labels, good = boxes.cpu(), best.cpu(), labels.cpu(), good.cpu()
    return [Detections(boxes[i, keep], best[i, keep], labels[i, keep]) for i, keep in enumerate(good)]


def _best_cells(scores: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The `count` best scores over all classes: scores, cells (row * W + column), classes, each [B, count]."""
    per_class, cells = scores.flatten(2).topk(min(count, scores[0, 0].numel()), dim=2)
    best, place = per_class.flatten(1).topk(min(count, per_class[0].numel()), dim=1)
    return best, cells.flatten(1).gather(1, place), place // per_class.shape[2]


def _at(maps: Tensor, cells: Tensor) -> Tensor:
    """Values [B, n, C] of maps [B, C, H, W] in cells [B, n]."""
    return maps.flatten(2).gather(2, cells[:, None].expand(-1, maps.shape[1], -1)).transpose(1, 2).float()


def _circle(found: Detections, radius: float, squared_distance: bool, max_kept: int) -> Tensor:
    centres, scores = found.boxes[:, :2].numpy(), found.scores.numpy()
    return torch.from_numpy(circle_nms(centres, scores, radius, squared_distance=squared_distance, max_kept=max_kept))


def _size_aware(found: Detections, scale: float, max_kept: int) -> Tensor:
    boxes = found.boxes[:, [0, 1, 3, 4, 6]].numpy()
    return torch.from_numpy(size_aware_circle_nms(boxes, found.scores.numpy(), scale, max_kept=max_kept))


def _joined(tasks: list[Detections]) -> Detections:
    return Detections(*(torch.cat([getattr(task, name) for task in tasks]) for name in ("boxes", "scores", "labels")))
