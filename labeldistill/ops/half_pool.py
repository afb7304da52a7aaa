"""Lift and BEV pooling in half precision, as the release does them under autocast (switch `lift_precision`)."""

import torch
from torch import Tensor


def half_bev_pool(depth: Tensor, context: Tensor, cells: Tensor, grid_yx: tuple[int, int]) -> Tensor:
    """`bev_pool.bev_pool` with every lifted feature, and every cell's sum, rounded to half.

    One depth bin is lifted at a time. The release adds halves in no defined order and rounds after each; here a cell is
    summed in float32 and rounded once.

    Args:
        depth: [B * N, D, h, w] probability of each depth bin, float16.
        context: [B * N, C, h, w] features; rounded to half.
        cells: [B, N, D, h, w] integer cell (row * X + column) of each frustum point, -1 outside the grid.
        grid_yx: rows Y and columns X of the grid.

    Returns:
        [B, C, Y, X] float16.
    """
    samples, _, bins = cells.shape[:3]
    size, channels = grid_yx[0] * grid_yx[1], context.shape[1]
    offset = torch.arange(samples, device=cells.device).view(-1, 1, 1, 1, 1) * size
    outside = samples * size  # one more row takes what lies outside
    index = torch.where(cells < 0, outside, cells + offset)
    context = context.half()
    pooled = torch.zeros(outside + 1, channels, device=context.device)
    with torch.autocast(context.device.type, enabled=False):
        for one in range(bins):
            lifted = (depth[:, one, None] * context).permute(0, 2, 3, 1).reshape(-1, channels)
            pooled.index_add_(0, index[:, :, one].flatten(), lifted.float())
    return pooled[:outside].view(samples, *grid_yx, channels).permute(0, 3, 1, 2).half()
