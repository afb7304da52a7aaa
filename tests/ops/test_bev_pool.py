"""BEV pooling against a loop over points, its two backends against each other, gradients, determinism."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from labeldistill.ops.bev_pool import bev_pool, voxel_cells

Problem = tuple[Tensor, Tensor, Tensor]


def problem(seed: int, *sizes: int) -> Problem:
    """Depth, context and cells for sizes B, N, D, h, w, C, Y, X."""
    B, N, D, h, w, C, Y, X = sizes
    generator = torch.Generator().manual_seed(seed)
    depth = torch.rand(B * N, D, h, w, generator=generator, dtype=torch.float64)
    context = torch.randn(B * N, C, h, w, generator=generator, dtype=torch.float64)
    cells = torch.randint(-1, Y * X, (B, N, D, h, w), generator=generator)
    return depth, context, cells


def pool_by_loop(depth: Tensor, context: Tensor, cells: Tensor, grid_yx: tuple[int, int]) -> Tensor:
    cameras, columns = cells.shape[1], grid_yx[1]
    out = torch.zeros(cells.shape[0], context.shape[1], *grid_yx, dtype=depth.dtype)
    for b, n, d, v, u in torch.ones_like(cells).nonzero().tolist():
        cell, image = int(cells[b, n, d, v, u]), b * cameras + n
        if cell >= 0:
            out[b, :, cell // columns, cell % columns] += depth[image, d, v, u] * context[image, :, v, u]
    return out


@pytest.mark.parametrize("backend", ["sparse", "matrix"])
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    sizes=st.tuples(*(st.integers(1, n) for n in (2, 3, 4, 2, 3, 3, 4, 5))),
)
def test_equals_a_loop_over_points(backend: str, seed: int, sizes: tuple[int, ...]) -> None:
    depth, context, cells = problem(seed, *sizes)
    grid = sizes[-2:]
    pooled = bev_pool(depth, context, cells, grid, backend)
    torch.testing.assert_close(pooled, pool_by_loop(depth, context, cells, grid), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("backend", ["sparse", "matrix"])
def test_gradients_equal_finite_differences(backend: str) -> None:
    depth, context, cells = problem(3, 2, 2, 3, 2, 2, 2, 3, 2)
    inputs = (depth.requires_grad_(), context.requires_grad_())
    assert torch.autograd.gradcheck(lambda d, c: bev_pool(d, c, cells, (3, 2), backend), inputs)


def test_backends_agree_in_float32_with_gradients() -> None:
    depth, context, cells = problem(4, 2, 3, 20, 4, 6, 8, 16, 12)
    results = []
    for backend in ("sparse", "matrix"):
        d, c = depth.float().requires_grad_(), context.float().requires_grad_()
        pooled = bev_pool(d, c, cells, (16, 12), backend)
        (pooled * torch.arange(pooled.numel()).view_as(pooled).cos()).sum().backward()
        results.append((pooled, d.grad, c.grad))
    for sparse, matrix in zip(*results, strict=True):
        torch.testing.assert_close(sparse, matrix, rtol=1e-5, atol=1e-5)


def test_auto_takes_the_matrix_for_toys_only(monkeypatch: pytest.MonkeyPatch) -> None:
    import labeldistill.ops.bev_pool as module

    depth, context, cells = problem(5, 1, 1, 3, 2, 2, 2, 4, 4)
    calls: list[str] = []
    monkeypatch.setattr(module, "_pool_matrix", lambda *a: calls.append("matrix") or module._pool_sparse(*a))
    bev_pool(depth, context, cells, (4, 4))
    monkeypatch.setattr(module, "MATRIX_LIMIT", 63)  # 16 cells x 4 pixels is one more
    bev_pool(depth, context, cells, (4, 4))
    assert calls == ["matrix"]


def test_same_bits_with_one_and_two_threads() -> None:
    depth, context, cells = problem(6, 2, 3, 30, 8, 11, 16, 16, 16)
    seen = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        try:
            d, c = depth.float().requires_grad_(), context.float().requires_grad_()
            pooled = bev_pool(d, c, cells, (16, 16), "sparse")
            pooled.square().sum().backward()
        finally:
            torch.set_num_threads(1)
        seen.append((pooled, d.grad, c.grad))
    assert all(torch.equal(one, two) for one, two in zip(*seen, strict=True))


def test_nothing_inside_the_grid_gives_zeros_and_zero_gradients() -> None:
    depth, context, cells = problem(7, 1, 2, 3, 2, 2, 4, 4, 4)
    d, c = depth.requires_grad_(), context.requires_grad_()
    pooled = bev_pool(d, c, torch.full_like(cells, -1), (4, 4), "sparse")
    pooled.sum().backward()
    assert not pooled.any()
    assert not d.grad.any()
    assert not c.grad.any()


def test_half_precision_is_summed_in_float32() -> None:
    depth, context, cells = problem(8, 1, 2, 6, 3, 3, 4, 4, 4)
    pooled = bev_pool(depth.float(), context.half(), cells, (4, 4), "sparse")
    exact = bev_pool(depth.float(), context.half().float(), cells, (4, 4), "sparse")
    assert pooled.dtype == torch.float32
    assert torch.equal(pooled, exact)


def test_voxel_outside_any_axis_has_no_cell() -> None:
    voxels = torch.tensor([[0, 0, 0], [3, 1, 0], [4, 0, 0], [0, 2, 0], [0, 0, 1], [-1, 0, 0], [0, -1, 0], [0, 0, -1]])
    assert voxel_cells(voxels, (4, 2, 1)).tolist() == [0, 7, -1, -1, -1, -1, -1, -1]
