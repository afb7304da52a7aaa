"""Sparse 3D convolution in plain PyTorch: gather, multiply, sum by a rulebook.

Bit for bit repeatable, forward and backward, with any number of threads: no sum is made by racing additions. Every
output row sums its pairs one after the other in the rulebook's order, and the matrix products run on one thread, since
BLAS rounds small matrices differently when it splits them between threads.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from labeldistill.ops.rulebook import Pairs, Rulebook

Convolve = Callable[[Tensor, Tensor, Rulebook], Tensor]
"""features [N, in], weight [kz, ky, kx, in, out], rulebook -> [M, out]."""


@contextmanager
def _one_thread(device: torch.device) -> Iterator[None]:
    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _apply(rows: Tensor, weight: Tensor, pairs: Pairs) -> Tensor:
    """[N, in] rows to [M, out]: every pair's row times the weight [offsets, in, out] of its offset, summed."""
    result = rows.new_empty(pairs.rows, weight.shape[2])
    for block in pairs.blocks:
        if len(block.inputs) == 0:
            result[block.rows] = 0
            continue
        products = rows.new_empty(len(block.inputs), weight.shape[2])
        gathered = torch.split(rows.index_select(0, block.inputs), block.counts)
        with _one_thread(rows.device):
            for chosen, matrix, product in zip(gathered, weight, torch.split(products, block.counts), strict=True):
                torch.mm(chosen, matrix, out=product)
        # one thread adds up an output row, pair after pair
        result[block.rows] = F.embedding_bag(block.order, products, block.starts, mode="sum", include_last_offset=True)
    return result


def _weight_gradient(features: Tensor, gradient: Tensor, pairs: Pairs) -> Tensor:
    """[offsets, in, out]: for each kernel offset, the inputs of its pairs against the gradients of their outputs."""
    result = features.new_zeros(len(pairs.groups), features.shape[1], gradient.shape[1])
    for block in pairs.blocks:
        inputs = torch.split(features.index_select(0, block.inputs), block.counts)
        outputs = torch.split(gradient[block.rows].index_select(0, block.outputs), block.counts)
        with _one_thread(features.device):
            for matrix, left, right in zip(result, inputs, outputs, strict=True):
                matrix.addmm_(left.t(), right)
    return result


class _SparseConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, rulebook: Rulebook) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.rulebook = rulebook
        return _apply(features, weight, rulebook.pairs)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        features, weight = ctx.saved_tensors
        rulebook: Rulebook = ctx.rulebook
        gradient = gradient.contiguous()
        to_features = to_weight = None
        if ctx.needs_input_grad[0]:
            mirrored = weight.flip(0) if rulebook.symmetric else weight
            back = rulebook.pairs if rulebook.symmetric else rulebook.swapped
            to_features = _apply(gradient, mirrored.transpose(1, 2), back)
        if ctx.needs_input_grad[1]:
            to_weight = _weight_gradient(features, gradient, rulebook.pairs)
        return to_features, to_weight, None


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
    if len(features) != rulebook.input_rows or weight[..., 0, 0].numel() != len(rulebook.pairs.groups):
        raise ValueError(
            f"{len(features)} rows and a kernel of {tuple(weight.shape[:3])} against a rulebook of "
            f"{rulebook.input_rows} rows and {len(rulebook.pairs.groups)} kernel offsets"
        )
    with torch.autocast(features.device.type, enabled=False):
        wide = features.float() if features.dtype in (torch.float16, torch.bfloat16) else features
        flat = weight.to(wide.dtype).flatten(0, 2)
        result: Tensor = _SparseConvolution.apply(wide, flat, rulebook)  # type: ignore[no-untyped-call]
        return result


BACKENDS: dict[str, Convolve] = {"reference": reference_convolve}
"""Every implementation by name; one added here is checked against `reference` by the tests of this module."""
