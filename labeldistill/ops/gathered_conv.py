"""Sparse 3D convolution as one gather and one matrix product: few launches and no sync, for GPUs.

Absent neighbours are rows of zeros, which multiplies what a rulebook wouldn't; in exchange nothing depends on how many
neighbours there are. No sum depends on a race, forward or backward.
"""

from typing import Any

import torch
from torch import Tensor

from labeldistill.ops.neighbours import Neighbours
from labeldistill.ops.sparse_conv import one_thread

GATHERED = 1 << 28
"""Most numbers gathered at once (1 GiB in float32); more are done in parts."""


def _gathered(rows: Tensor, table: Tensor) -> Tensor:
    """rows [N, C] and table [M, K] in 0..N to [M, K * C], zeros for entry N."""
    padded = torch.cat([rows, rows.new_zeros(1, rows.shape[1])])
    return padded.index_select(0, table.flatten()).view(len(table), table.shape[1] * rows.shape[1])


def _multiply(rows: Tensor, table: Tensor, matrix: Tensor) -> Tensor:
    """Gathered rows times `matrix` [K * C, D]: [M, D]."""
    with one_thread(rows.device):
        return torch.cat([_gathered(rows, part) @ matrix for part in _parts(table, rows)])


def _parts(table: Tensor, rows: Tensor) -> tuple[Tensor, ...]:
    return torch.split(table, max(1, GATHERED // (table.shape[1] * rows.shape[1])))


class _GatheredConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, neighbours: Neighbours) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.neighbours = neighbours
        return _multiply(features, neighbours.inputs, weight.flatten(0, 1))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        features, weight = ctx.saved_tensors
        neighbours: Neighbours = ctx.neighbours
        to_features = to_weight = None
        if ctx.needs_input_grad[0]:
            to_features = _multiply(gradient, neighbours.outputs, weight.transpose(1, 2).flatten(0, 1))
        if ctx.needs_input_grad[1]:
            to_weight = torch.zeros_like(weight)
            parts = _parts(neighbours.inputs, features)
            with one_thread(weight.device):
                for table, part in zip(parts, torch.split(gradient, len(parts[0])), strict=True):
                    to_weight.flatten(0, 1).addmm_(_gathered(features, table).t(), part)
        return to_features, to_weight, None


def gathered_convolve(features: Tensor, weight: Tensor, neighbours: Neighbours) -> Tensor:
    """Convolve voxel features as `sparse_conv.reference_convolve` does, up to rounding.

    Args:
        features: [N, in] one row per voxel.
        weight: [kz, ky, kx, in, out].
        neighbours: tables of the same kernel size.

    Returns:
        [M, out] in the order of `neighbours.sites`.

    Raises:
        ValueError: rows or kernel do not fit the tables.
    """
    kernel = weight.flatten(0, 2)
    if neighbours.outputs.shape != (len(features), len(kernel)):
        raise ValueError(
            f"{len(features)} rows and a kernel of {tuple(weight.shape[:3])} against tables of "
            f"{tuple(neighbours.outputs.shape)} rows and kernel offsets"
        )
    with torch.autocast(features.device.type, enabled=False):
        wide = features.float() if features.dtype in (torch.float16, torch.bfloat16) else features
        result: Tensor = _GatheredConvolution.apply(wide, kernel.to(wide.dtype), neighbours)  # type: ignore[no-untyped-call]
        return result
