"""Sparse 3D convolution in plain PyTorch: gather, multiply, sum by a rulebook.

Bit for bit repeatable, forward and backward, with any number of threads: no sum is made by racing additions. Every
output row sums its pairs one after the other in the rulebook's order.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from labeldistill.ops.rulebook import Rulebook

Convolve = Callable[[Tensor, Tensor, Rulebook], Tensor]
"""features [N, in], weight [kz, ky, kx, in, out], rulebook -> [M, out]."""


def _multiply(rows: Tensor, selected: Tensor, weight: Tensor, rulebook: Rulebook) -> Tensor:
    """[P, out]: the row of every pair times the weight of its kernel offset (`weight` is [offsets, in, out])."""
    products = rows.new_empty(len(selected), weight.shape[2])
    start = 0
    for matrix, count in zip(weight, rulebook.pairs, strict=True):
        pairs = slice(start, start + count)
        torch.mm(rows.index_select(0, selected[pairs]), matrix, out=products[pairs])
        start += count
    return products


def _sum(products: Tensor, groups: tuple[Tensor, Tensor]) -> Tensor:
    """Sum the pairs of each row: [P, C] to [rows, C], each row by one thread in a fixed order."""
    order, starts = groups
    if len(order) == 0:
        return products.new_zeros(len(starts) - 1, products.shape[1])
    return F.embedding_bag(order, products, starts, mode="sum", include_last_offset=True)


class _SparseConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, rulebook: Rulebook) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.rulebook = rulebook
        return _sum(_multiply(features, rulebook.inputs, weight, rulebook), rulebook.by_output)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        features, weight = ctx.saved_tensors
        rulebook: Rulebook = ctx.rulebook
        gradient = gradient.contiguous()
        to_features = to_weight = None
        if ctx.needs_input_grad[0]:
            transposed = weight.transpose(1, 2).contiguous()  # BLAS results depend on threads for transposed views
            to_features = _sum(_multiply(gradient, rulebook.outputs, transposed, rulebook), rulebook.by_input)
        if ctx.needs_input_grad[1]:
            to_weight = _weight_gradient(features, gradient, rulebook)
        return to_features, to_weight, None


def _weight_gradient(features: Tensor, gradient: Tensor, rulebook: Rulebook) -> Tensor:
    """[offsets, in, out]: for each kernel offset, the inputs of its pairs against the gradients of their outputs."""
    result = features.new_zeros(len(rulebook.pairs), features.shape[1], gradient.shape[1])
    start = 0
    for matrix, count in zip(result, rulebook.pairs, strict=True):
        pairs = slice(start, start + count)
        inputs = features.index_select(0, rulebook.inputs[pairs])
        torch.mm(inputs.t(), gradient.index_select(0, rulebook.outputs[pairs]), out=matrix)
        start += count
    return result


def reference_convolve(features: Tensor, weight: Tensor, rulebook: Rulebook) -> Tensor:
    """Convolve voxel features: out[o] = sum over pairs (i, o) of offset k of features[i] @ weight[k].

    Half precision is widened to float32 (as is anything under autocast), so that the result depends on no cast policy.

    Args:
        features: [N, in] one row a voxel, in the order of the rulebook's input rows.
        weight: [kz, ky, kx, in, out].
        rulebook: from `submanifold_rulebook` or `strided_rulebook`, of the same kernel size.

    Returns:
        [M, out] in the order of `rulebook.sites`.

    Raises:
        ValueError: rows or kernel of another size than the rulebook's.
    """
    if len(features) != rulebook.input_rows or weight[..., 0, 0].numel() != len(rulebook.pairs):
        raise ValueError(
            f"{len(features)} rows and a kernel of {tuple(weight.shape[:3])} against a rulebook of "
            f"{rulebook.input_rows} rows and {len(rulebook.pairs)} kernel offsets"
        )
    with torch.autocast(features.device.type, enabled=False):
        wide = features.float() if features.dtype in (torch.float16, torch.bfloat16) else features
        flat = weight.to(wide.dtype).flatten(0, 2)
        result: Tensor = _SparseConvolution.apply(wide, flat, rulebook)  # type: ignore[no-untyped-call]
        return result


BACKENDS: dict[str, Convolve] = {"reference": reference_convolve}
"""Every implementation by name; one added here is checked against `reference` by the tests of this module."""
