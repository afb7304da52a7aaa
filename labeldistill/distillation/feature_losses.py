"""Terms `lidar_feature` and `label_feature`: groups of the student's channels against what they imitate (paper 3.4)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from labeldistill.distillation.term_inputs import TermInputs, TermOptions
from labeldistill.ops.distributed import reduce_mean, world_size


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


def feature_distance(student: Sequence[Tensor], teacher: Sequence[Tensor], masks: Sequence[Tensor] | None) -> Tensor:
    """Squared error summed over channels, weighted by the mask, divided by the mask's sum; added over scales.

    The mask's sum is averaged over the processes of a distributed run, so that the loss is that of the global batch
    (the release divides by the sum in each process; with one process both are the same).

    Args:
        student: one [B, C_i, h_i, w_i] per scale.
        teacher: features of the same shapes.
        masks: one [B, h_i, w_i] per scale; None gives every cell the same weight.

    Returns:
        A scalar, 0 if the mask is empty.
    """
    total = student[0].new_zeros((), dtype=torch.float32)
    for i, (ours, theirs) in enumerate(zip(student, teacher, strict=True)):
        error = (ours.float() - theirs.float()).square().sum(1)
        weight = torch.ones_like(error) if masks is None else masks[i]
        total = total + (error * weight).sum() / reduce_mean(weight.sum()).clamp(min=1 / world_size())
    return total


def lidar_feature_loss(
    adapted: Sequence[Tensor], teacher: Sequence[Tensor], heatmaps: Sequence[Tensor], *, summed_mask: bool
) -> Tensor:
    """Squared error weighted by the ground-truth heatmaps; a scalar.

    Args:
        adapted: adapted LiDAR group, one [B, C_i, h_i, w_i] per scale.
        teacher: the teacher's SECOND features, the same shapes.
        heatmaps: ground truth, one [B, classes, H, W] per task.
        summed_mask: see `object_masks` (switch `feature_mask`).
    """
    sizes = [(x.shape[-2], x.shape[-1]) for x in teacher]
    return feature_distance(adapted, teacher, object_masks(heatmaps, sizes, summed=summed_mask))


def label_feature_loss(adapted: Sequence[Tensor], label: Sequence[Tensor], heatmaps: Sequence[Tensor]) -> Tensor:
    """Squared error over all cells that a ground-truth heatmap reaches, with equal weights; a scalar.

    Args:
        adapted: adapted label group, one [B, C_i, h_i, w_i] per scale.
        label: the label encoder's features, the same shapes.
        heatmaps: ground truth, one [B, classes, H, W] per task.
    """
    sizes = [(x.shape[-2], x.shape[-1]) for x in label]
    masks = object_masks(heatmaps, sizes, summed=True)
    return feature_distance(adapted, label, [(mask > 0).float() for mask in masks])


def lidar_feature(inputs: TermInputs, options: TermOptions) -> Tensor:
    """Term `lidar_feature`."""
    pair = inputs.pairs["lidar"]
    return lidar_feature_loss(pair.adapted, pair.target, inputs.targets.heatmaps, summed_mask=options.summed_mask)


def label_feature(inputs: TermInputs, options: TermOptions) -> Tensor:
    """Term `label_feature`."""
    pair = inputs.pairs["label"]
    return label_feature_loss(pair.adapted, pair.target, inputs.targets.heatmaps)
