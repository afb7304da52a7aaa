"""Terms `lidar_feature` and `label_feature`: groups of the student's channels against what they imitate (paper 3.4)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from labeldistill.distillation.term_inputs import TermInputs, TermOptions
from labeldistill.ops.distributed import normaliser


def object_masks(heatmaps: Sequence[Tensor], sizes: Sequence[tuple[int, int]], *, summed: bool) -> list[Tensor]:
    """Ground-truth heatmaps of all classes as one map per scale, resized bilinearly with aligned corners.

    Args:
        heatmaps: one [B, classes, H, W] per task, in 0..1.
        sizes: rows and columns of each scale.
        summed: add the heatmaps of all classes, so that overlapping objects exceed 1 (released, quirk 32);
            otherwise take their maximum.

    Returns:
        One [B, h, w] per scale.
    """
    maps = torch.cat(list(heatmaps), dim=1).float()
    mask = maps.sum(1, keepdim=True) if summed else maps.amax(1, keepdim=True)
    return [_resized(mask, size).squeeze(1) for size in sizes]


def _resized(mask: Tensor, size: tuple[int, int]) -> Tensor:
    if mask.shape[-2:] == size:
        return mask
    return interpolate(mask, size=size, mode="bilinear", align_corners=True)


def feature_distance(
    student: Sequence[Tensor],
    teacher: Sequence[Tensor],
    masks: Sequence[Tensor] | None,
    *,
    per_device: bool = True,
) -> Tensor:
    """Squared error summed over channels, weighted by the mask, divided by the mask's sum; added over scales.

    On several devices each divides by its own mask's sum, as in the release, or all by the mean of the sums; with one
    process both are the same.

    Args:
        student: one [B, C_i, h_i, w_i] per scale.
        teacher: features of the same shapes.
        masks: one [B, h_i, w_i] per scale; None gives every cell the same weight.
        per_device: see `normaliser` (switch `device_normalisation`).

    Returns:
        A scalar, 0 if the mask is empty.
    """
    total = student[0].new_zeros((), dtype=torch.float32)
    for i, (ours, theirs) in enumerate(zip(student, teacher, strict=True)):
        error = (ours.float() - theirs.float()).square().sum(1)
        weight = torch.ones_like(error) if masks is None else masks[i]
        total = total + (error * weight).sum() / normaliser(weight.sum(), least=1.0, per_device=per_device)
    return total


def lidar_feature_loss(
    adapted: Sequence[Tensor],
    teacher: Sequence[Tensor],
    heatmaps: Sequence[Tensor],
    *,
    summed_mask: bool,
    per_device: bool = True,
) -> Tensor:
    """Squared error weighted by the ground-truth heatmaps; a scalar.

    Args:
        adapted: adapted LiDAR group, one [B, C_i, h_i, w_i] per scale.
        teacher: the teacher's SECOND features, the same shapes.
        heatmaps: ground truth, one [B, classes, H, W] per task.
        summed_mask: see `object_masks` (switch `feature_mask`).
        per_device: see `feature_distance`.
    """
    sizes = [(x.shape[-2], x.shape[-1]) for x in teacher]
    return feature_distance(adapted, teacher, object_masks(heatmaps, sizes, summed=summed_mask), per_device=per_device)


def label_feature_loss(
    adapted: Sequence[Tensor], label: Sequence[Tensor], heatmaps: Sequence[Tensor], *, per_device: bool = True
) -> Tensor:
    """Squared error over all cells that a ground-truth heatmap reaches, with equal weights; a scalar.

    Args:
        adapted: adapted label group, one [B, C_i, h_i, w_i] per scale.
        label: the label encoder's features, the same shapes.
        heatmaps: ground truth, one [B, classes, H, W] per task.
        per_device: see `feature_distance`.
    """
    sizes = [(x.shape[-2], x.shape[-1]) for x in label]
    masks = object_masks(heatmaps, sizes, summed=True)
    return feature_distance(adapted, label, [(mask > 0).float() for mask in masks], per_device=per_device)


def lidar_feature(inputs: TermInputs, options: TermOptions) -> Tensor:
    """Term `lidar_feature`."""
    pair = inputs.pairs["lidar"]
    switches = {"summed_mask": options.summed_mask, "per_device": options.head.per_device}
    return lidar_feature_loss(pair.adapted, pair.target, inputs.targets.heatmaps, **switches)


def label_feature(inputs: TermInputs, options: TermOptions) -> Tensor:
    """Term `label_feature`."""
    pair = inputs.pairs["label"]
    heatmaps = inputs.targets.heatmaps
    return label_feature_loss(pair.adapted, pair.target, heatmaps, per_device=options.head.per_device)
