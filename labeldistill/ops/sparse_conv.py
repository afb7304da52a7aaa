"""Sparse 3D convolution in plain PyTorch: gather, multiply and sum as a rulebook says.

Forward and backward are repeatable bit for bit with any number of threads: no sum depends on a race. Every
output row sums its pairs one after the other in the rulebook's order, and the matrix products run on one thread, since
BLAS rounds small matrices differently when it splits them between threads.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from labeldistill.ops.rulebook import Block, Pairs, Rulebook


@contextmanager
def one_thread(device: torch.device) -> Iterator[None]:
    """Matrix products on a CPU in one thread; nothing on other devices."""
    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _multiply(gathered: Sequence[Tensor], weight: Tensor, block: Block) -> Tensor:
    """Rows of a block's pairs (one tensor per offset) times `weight` [offsets, in, out], summed: [output rows, out]."""
    products = weight.new_empty(len(block.inputs), weight.shape[2])
    with one_thread(weight.device):
        for rows, matrix, product in zip(gathered, weight, torch.split(products, block.counts), strict=True):
            torch.mm(rows, matrix, out=product)
    if len(products) == 0:
        return products.new_zeros(len(block.starts) - 1, products.shape[1])
    # each output row is summed by one thread, pair after pair
    return F.embedding_bag(block.order, products, block.starts, mode="sum", include_last_offset=True)


def _gather(rows: Tensor, block: Block) -> Sequence[Tensor]:
    """The input rows of a block's pairs, one tensor per kernel offset."""
    return torch.split(rows.index_select(0, block.inputs), block.counts)


def _add_weight_gradient(result: Tensor, features: Tensor, gathered: Sequence[Tensor], block: Block) -> None:
    """Add features^T @ gradient over the pairs of each offset to `result` [offsets, in, out].

    `block` leads from output to input voxels: `gathered` are gradients, `features` those of the block's rows.
    """
    inputs = torch.split(features[block.rows].index_select(0, block.outputs), block.counts)
    with one_thread(result.device):
        for matrix, left, right in zip(result, inputs, gathered, strict=True):
            matrix.addmm_(left.t(), right)


class _SparseConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, rulebook: Rulebook) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.rulebook = rulebook
        result = features.new_empty(rulebook.pairs.rows, weight.shape[2])
        for block in rulebook.pairs.blocks:
            result[block.rows] = _multiply(_gather(features, block), weight, block)
        return result

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        features, weight = ctx.saved_tensors
        symmetric: bool = ctx.rulebook.symmetric
        back: Pairs = ctx.rulebook.pairs if symmetric else ctx.rulebook.swapped
        # with symmetric pairs, backward through an offset is forward through the mirrored offset
        transposed = (weight.flip(0) if symmetric else weight).transpose(1, 2)
        to_features = torch.empty_like(features) if ctx.needs_input_grad[0] else None
        to_weight = torch.zeros_like(weight) if ctx.needs_input_grad[1] else None
        gradient = gradient.contiguous()
        for block in back.blocks:
            gathered = _gather(gradient, block)
            if to_features is not None:
                to_features[block.rows] = _multiply(gathered, transposed, block)
            if to_weight is not None:
                _add_weight_gradient(to_weight, features, gathered, block)
        return to_features, to_weight.flip(0) if to_weight is not None and symmetric else to_weight, None


def reference_convolve(features: Tensor, weight: Tensor, rulebook: Rulebook) -> Tensor:
    """Convolve voxel features: out[o] = sum over pairs (i, o) of offset k of features[i] @ weight[k].

    Half precision is widened to float32 (also under autocast), so that the result does not depend on a cast policy.

    Args:
        features: [N, in] one row per voxel, in the order of the rulebook's input rows.
        weight: [kz, ky, kx, in, out].
        rulebook: from `submanifold_rulebook` or `strided_rulebook`, of the same kernel size.

    Returns:
        [M, out] in the order of `rulebook.sites`.

    Raises:
        ValueError: rows or kernel do not fit the rulebook.
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
