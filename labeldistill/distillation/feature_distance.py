"""How features are compared where objects are: the common part of the two feature terms (paper 3.4)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from labeldistill.ops.distributed import reduce_mean, world_size


def object_masks(heatmaps: Sequence[Tensor], sizes: Sequence[tuple[int, int]], *, summed: bool) -> list[Tensor]:
    """Ground-truth heatmaps of all classes as one map per scale, resized bilinearly with aligned corners.

    Args:
        heatmaps: one [B, classes, H, W] a task, in 0..1.
        sizes: rows and columns of each scale.
        summed: the classes' heatmaps are added, so that overlapping objects exceed 1 (released, quirk 32);
            otherwise their maximum is taken.

    Returns:
        A [B, h, w] a scale.
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
    (the release divides by each process's own sum; in one process they are the same).

    Args:
        student: [B, C_i, h_i, w_i] a scale.
        teacher: the same shapes.
        masks: [B, h_i, w_i] a scale; None weighs every cell alike.

    Returns:
        A scalar, 0 where no cell is in the mask.
    """
    total = student[0].new_zeros((), dtype=torch.float32)
    for i, (ours, theirs) in enumerate(zip(student, teacher, strict=True)):
        error = (ours.float() - theirs.float()).square().sum(1)
        weight = torch.ones_like(error) if masks is None else masks[i]
        total = total + (error * weight).sum() / reduce_mean(weight.sum()).clamp(min=1 / world_size())
    return total
