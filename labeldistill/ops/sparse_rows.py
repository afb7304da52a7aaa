"""Products with a sparse matrix given row by row: what BEV pooling and deformable convolution have in common.

The matrix has M rows with J entries each: `index` [M, J] (int32; -1 marks an entry that does not count) names the
column, `weight` [M, J] its value. Neither product stores more than its operands, and every output row is
summed by one thread in a fixed order: results and gradients are bit-identical for any number of threads.
"""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn.functional import embedding_bag


def gather_rows(table: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    """Weighted sums of rows: `out[m] = sum_j weight[m, j] * table[index[m, j]]`.

    Args:
        table: [R, C] float32 or float64.
        index: [M, J] integers in -1..R-1.
        weight: [M, J] of the table's type.

    Returns:
        [M, C]; differentiable in `table` and `weight`.
    """
    return _Gather.apply(table, index.int(), weight)  # type: ignore[no-any-return, no-untyped-call]


def scatter_rows(rows: Tensor, index: Tensor, weight: Tensor, size: int) -> Tensor:
    """The transposed product: `out[r] = sum over (m, j) with index[m, j] = r of weight[m, j] * rows[m]`.

    Args:
        rows: [M, C] float32 or float64.
        index: [M, J] integers in -1..size-1.
        weight: [M, J] of the rows' type.
        size: number of output rows R.

    Returns:
        [R, C]; differentiable in `rows` and `weight`.
    """
    return _Scatter.apply(rows, index.int(), weight, size)  # type: ignore[no-any-return, no-untyped-call]


def _gather(table: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    return embedding_bag(index.clamp(min=0), table, mode="sum", per_sample_weights=weight * (index >= 0))


def _scatter(rows: Tensor, index: Tensor, weight: Tensor, size: int) -> Tensor:
    flat = torch.where(index < 0, size, index).flatten()
    columns, entries = torch.sort(flat, stable=True)  # entries of one output row stay in the order of `index`
    starts = torch.searchsorted(columns, torch.arange(size + 1, dtype=torch.int32, device=flat.device), out_int32=True)
    entries = entries[: int(starts[-1])]  # entries that do not count were sorted to the end
    return embedding_bag(
        _owners(index)[entries], rows, starts[:-1], mode="sum", per_sample_weights=weight.flatten()[entries]
    )


def _dots(rows: Tensor, table: Tensor, index: Tensor) -> Tensor:
    """`out[m, j] = rows[m] . table[index[m, j]]`, zero for entries that do not count."""
    count, width = index.shape
    starts = torch.arange(0, count * width, width, dtype=torch.int32, device=index.device)
    dots = torch.ops.aten._embedding_bag_per_sample_weights_backward(
        rows.contiguous(), table.contiguous(), index.clamp(min=0).flatten(), starts, _owners(index), 0
    )
    return dots.view(count, width) * (index >= 0)  # type: ignore[no-any-return]


def _owners(index: Tensor) -> Tensor:
    """The row that each entry of the flattened `index` belongs to, [M * J] int32."""
    rows = torch.arange(index.shape[0], dtype=torch.int32, device=index.device)
    return rows.unsqueeze(1).expand(index.shape).flatten()


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, table: Tensor, index: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(table, index, weight)
        return _gather(table, index, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[no-untyped-def]
        table, index, weight = ctx.saved_tensors
        needs_table, _, needs_weight = ctx.needs_input_grad
        grad = grad.contiguous()
        return (
            _scatter(grad, index, weight, table.shape[0]) if needs_table else None,
            None,
            _dots(grad, table, index) if needs_weight else None,
        )


class _Scatter(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, rows: Tensor, index: Tensor, weight: Tensor, size: int) -> Tensor:
        ctx.save_for_backward(rows, index, weight)
        return _scatter(rows, index, weight, size)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[no-untyped-def]
        rows, index, weight = ctx.saved_tensors
        needs_rows, _, needs_weight, _ = ctx.needs_input_grad
        grad = grad.contiguous()
        return (
            _gather(grad, index, weight) if needs_rows else None,
            None,
            _dots(rows, grad, index) if needs_weight else None,
            None,
        )
