"""Deformable convolution, version 1, in plain PyTorch: each kernel tap samples the map at a learnt offset."""

import torch
from torch import Tensor

from labeldistill.ops.sparse_rows import gather_rows


def deform_conv2d(x: Tensor, offset: Tensor, weight: Tensor, *, padding: int = 1, groups: int = 1) -> Tensor:
    """Deformable convolution of stride 1 and dilation 1, without bias, one offset field for all channels.

    Semantics of mmcv 1.6's DeformConv2d with `deform_groups=1` (equal to torchvision's `deform_conv2d`): bilinear
    sampling, zero outside the map. At integer offsets the derivative is taken towards the larger coordinate, as
    in mmcv; this matters because training starts at offset zero. Results and gradients are
    bit-identical for any number of threads.

    Args:
        x: [B, C, H, W].
        offset: [B, 2 * kh * kw, H', W'] pixels, y then x of each tap, taps row by row.
        weight: [O, C / groups, kh, kw].
        padding: zeros around the map, both axes.
        groups: channel groups of the convolution.

    Returns:
        [B, O, H', W'] in channels-last memory, with H' = H + 2 * padding - kh + 1 (W' alike).

    Raises:
        ValueError: `offset` has another shape.
    """
    out_size = [side + 2 * padding - k + 1 for side, k in zip(x.shape[2:], weight.shape[2:], strict=True)]
    taps = weight.shape[2] * weight.shape[3]
    if list(offset.shape) != [x.shape[0], 2 * taps, *out_size]:
        raise ValueError(f"offset must be {[x.shape[0], 2 * taps, *out_size]}, got {list(offset.shape)}")
    rows, columns = _positions(offset, weight.shape[2:], padding)
    samples = _sample(x, rows, columns)
    out = _multiply(samples.view(-1, taps, x.shape[1]), weight.to(samples.dtype), groups)
    return out.view(x.shape[0], *out_size, -1).permute(0, 3, 1, 2)


def _positions(offset: Tensor, kernel: torch.Size, padding: int) -> tuple[Tensor, Tensor]:
    """Row and column that each tap of each output cell reads: two [B, H', W', taps]."""
    batch, pairs, height, width = offset.shape
    shift = offset.to(torch.promote_types(offset.dtype, torch.float32))
    shift = shift.reshape(batch, pairs // 2, 2, height, width).permute(0, 3, 4, 1, 2)

    def whole(size: int) -> Tensor:
        return torch.arange(size, dtype=shift.dtype, device=shift.device)

    tap_rows, tap_columns = torch.meshgrid(whole(kernel[0]), whole(kernel[1]), indexing="ij")
    rows = whole(height).view(-1, 1, 1) + tap_rows.flatten() - padding
    columns = whole(width).view(-1, 1) + tap_columns.flatten() - padding
    return rows + shift[..., 0], columns + shift[..., 1]


def _sample(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Bilinear samples [B * H' * W' * taps, C] of x [B, C, H, W]."""
    batch, channels, height, width = x.shape
    with torch.autocast(x.device.type, enabled=False):
        top, left = rows.detach().floor(), columns.detach().floor()
        below, right = rows - top, columns - left
        first = torch.arange(batch, device=x.device).view(-1, 1, 1, 1) * (height * width)
        index, weight = [], []
        for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
            row, column = top + dy, left + dx
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            index.append(torch.where(inside, first + (row * width + column).long(), -1))
            weight.append((below if dy else 1 - below) * (right if dx else 1 - right))
        table = x.permute(0, 2, 3, 1).reshape(-1, channels).to(rows.dtype)
        return gather_rows(table, torch.stack(index, -1).view(-1, 4), torch.stack(weight, -1).view(-1, 4))


def _multiply(samples: Tensor, weight: Tensor, groups: int) -> Tensor:
    """[M, taps, C] samples with [O, C / groups, kh, kw] weights to [M, O]."""
    count, taps, channels = samples.shape
    width = channels // groups
    patches = samples.view(count, taps, groups, width).permute(2, 0, 1, 3).reshape(groups, count, taps * width)
    kernels = weight.view(groups, -1, width, taps).permute(0, 3, 2, 1).reshape(groups, taps * width, -1)
    return torch.bmm(patches, kernels).transpose(0, 1).reshape(count, -1)
