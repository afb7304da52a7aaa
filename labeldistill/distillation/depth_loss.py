"""Term `depth`: predicted depth distributions against LiDAR depth (BEVDepth; released: exps/nuscenes/base_exp.py)."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy

from labeldistill.distillation.term_inputs import TermInputs, TermOptions
from labeldistill.ops.distributed import normaliser

EMPTY_M = 1e5  # "no point" in the search for the nearest point of a patch


def depth_bins(depth: Tensor, stride: int, depth_m: tuple[float, float, float]) -> Tensor:
    """One-hot depth bin of the nearest point in every feature cell.

    A depth d falls into bin trunc((d - low) / step) if that is 0 .. D - 1; cells without a point, or with a depth
    below `low` or from `high` on, have no bin and are all zeros.

    Args:
        depth: [B, N, H, W] metres, 0 where there is no point.
        stride: image pixels per feature cell.
        depth_m: low, high, step in metres.

    Returns:
        [B * N * H/stride * W/stride, D] float.
    """
    low, high, step = depth_m
    bins = round((high - low) / step)
    rows, columns = depth.shape[2] // stride, depth.shape[3] // stride
    patches = torch.where(depth == 0, EMPTY_M, depth).reshape(-1, rows, stride, columns, stride)
    nearest = patches.amin((2, 4)).flatten()
    place = (nearest - (low - step)) / step  # bin + 1, so that 0 means none
    place = torch.where((place >= 0) & (place < bins + 1), place, 0.0)
    return (place.long()[:, None] == torch.arange(1, bins + 1, device=place.device)).float()


def depth_loss(
    probabilities: Tensor,
    depth: Tensor,
    stride: int,
    depth_m: tuple[float, float, float],
    *,
    per_device: bool = True,
) -> Tensor:
    """Binary cross-entropy, summed over bins and averaged over the feature cells that have a bin.

    On several devices each divides by its own number of such cells, as in the release, or all by the mean of the
    numbers; with one process both are the same.

    Args:
        probabilities: [B * N, D, h, w] of the key frame, summing to 1 over D.
        depth: [B, N, H, W] metres, 0 where there is no point.
        stride: image pixels per feature cell.
        depth_m: low, high, step in metres.
        per_device: see `normaliser` (switch `device_normalisation`).
    """
    target = depth_bins(depth, stride, depth_m)
    known = target.amax(1) > 0
    count = normaliser(known.sum().float(), least=1.0, per_device=per_device)
    with torch.autocast(probabilities.device.type, enabled=False):
        predicted = probabilities.permute(0, 2, 3, 1).flatten(0, 2).float()
        weight = known[:, None].float()  # choosing the cells instead would wait for their number
        return binary_cross_entropy(predicted, target, weight, reduction="sum") / count


def depth(inputs: TermInputs, options: TermOptions) -> Tensor:
    """Term `depth`."""
    assert inputs.lidar_depth is not None, "the term `depth` needs depth maps in the batch"
    return depth_loss(
        inputs.depth, inputs.lidar_depth, options.stride, options.depth_m, per_device=options.head.per_device
    )
