"""Sparse-row products against the dense matrix; gradients by finite differences."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from labeldistill.ops.sparse_rows import gather_rows, scatter_rows


def sparse_matrix(seed: int, entries: tuple[int, int], columns: int) -> tuple[Tensor, Tensor, Tensor]:
    """Index, weight and the same matrix written out."""
    generator = torch.Generator().manual_seed(seed)
    index = torch.randint(-1, columns, entries, generator=generator)
    weight = torch.randn(entries, generator=generator, dtype=torch.float64)
    dense = torch.zeros(entries[0], columns + 1, dtype=torch.float64)
    for m in range(entries[0]):
        for j in range(entries[1]):
            dense[m, index[m, j]] += weight[m, j]  # -1 falls into the last column
    return index, weight, dense[:, :-1]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), rows=st.integers(1, 6), width=st.integers(1, 4), columns=st.integers(1, 5))
def test_products_equal_the_dense_ones(seed: int, rows: int, width: int, columns: int) -> None:
    index, weight, dense = sparse_matrix(seed, (rows, width), columns)
    table = torch.randn(columns, 3, dtype=torch.float64)
    torch.testing.assert_close(gather_rows(table, index, weight), dense @ table)
    other = torch.randn(rows, 3, dtype=torch.float64)
    torch.testing.assert_close(scatter_rows(other, index, weight, columns), dense.T @ other)


def test_gradients_equal_finite_differences() -> None:
    index, weight, _ = sparse_matrix(1, (5, 3), 4)
    weight.requires_grad_()
    table = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    rows = torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t, w: gather_rows(t, index, w), (table, weight))
    assert torch.autograd.gradcheck(lambda r, w: scatter_rows(r, index, w, 4), (rows, weight))


def test_entries_that_do_not_count_get_no_gradient() -> None:
    index = torch.tensor([[0, -1], [-1, -1]])
    weight = torch.ones(2, 2, requires_grad=True)
    gather_rows(torch.ones(1, 3), index, weight).sum().backward()
    assert weight.grad.tolist() == [[3.0, 0.0], [0.0, 0.0]]
