"""Sparse convolution against a dense one, by numerical gradients, and against itself under other thread counts."""

from itertools import product

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from labeldistill.ops import gathered_conv, rulebook
from labeldistill.ops.rulebook import (
    Rulebook,
    Sites,
    Triple,
    output_shape,
    sort_sites,
    strided_rulebook,
    submanifold_rulebook,
)
from labeldistill.ops.sparse_backends import BACKENDS
from labeldistill.ops.sparse_conv import reference_convolve

SHAPE = (5, 7, 6)
STRIDED = [
    ((3, 3, 3), (2, 2, 2), (1, 1, 1)),
    ((3, 3, 3), (2, 2, 2), (0, 1, 1)),
    ((3, 1, 1), (2, 1, 1), (0, 0, 0)),
    ((2, 3, 1), (1, 3, 2), (1, 0, 0)),
]


def random_sites(count: int, shape: Triple = SHAPE, batch: int = 3, seed: int = 0) -> Sites:
    """`count` voxels of samples 0 and 2; sample 1 is empty, cells on every border occur."""
    generator = torch.Generator().manual_seed(seed)
    cells = torch.tensor(list(product((0, batch - 1), *(range(size) for size in shape))))
    chosen = cells[torch.randperm(len(cells), generator=generator)[:count]]
    return sort_sites(chosen, shape, batch)[0]


def dense(features: Tensor, sites: Sites) -> Tensor:
    """[B, C, Z, Y, X]."""
    result = features.new_zeros(sites.batch, *sites.shape, features.shape[1])
    result[tuple(sites.coordinates.T)] = features
    return result.movedim(-1, 1)


def dense_convolve(
    features: Tensor, weight: Tensor, sites: Sites, stride: Triple = (1, 1, 1), padding: Triple | None = None
) -> Tensor:
    """conv3d on a dense copy; without `padding` the kernel is centred (submanifold)."""
    centred = tuple(size // 2 for size in weight.shape[:3])
    kernel = weight.permute(4, 3, 0, 1, 2)
    return F.conv3d(dense(features, sites), kernel, stride=stride, padding=centred if padding is None else padding)


def inputs(sites: Sites, kernel: Triple, c_in: int = 4, c_out: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(len(sites), c_in, generator=generator, dtype=torch.float64)
    weight = torch.randn(*kernel, c_in, c_out, generator=generator, dtype=torch.float64)
    return features.requires_grad_(), weight.requires_grad_()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("block_rows", [4, 8192])
@pytest.mark.parametrize("kernel", [(3, 3, 3), (1, 3, 3), (3, 1, 1), (1, 1, 1)])
@pytest.mark.parametrize("count", [1, 40, 400])
def test_submanifold_is_a_dense_convolution_at_the_occupied_cells(
    backend: str, block_rows: int, kernel: Triple, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rulebook, "BLOCK_ROWS", block_rows)
    monkeypatch.setattr(gathered_conv, "GATHERED", 100 * block_rows)
    sites = random_sites(count)
    features, weight = inputs(sites, kernel)
    chosen = BACKENDS[backend]
    out = chosen.convolve(features, weight, chosen.submanifold(sites, kernel))
    expected = dense_convolve(features, weight, sites)[
        sites.coordinates[:, 0], :, sites.coordinates[:, 1], sites.coordinates[:, 2], sites.coordinates[:, 3]
    ]
    check_with_gradients(out, expected, (features, weight))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("block_rows", [4, 8192])
@pytest.mark.parametrize(("kernel", "stride", "padding"), STRIDED)
@pytest.mark.parametrize("count", [1, 40, 400])
def test_strided_is_a_dense_convolution(
    backend: str, block_rows: int, kernel: Triple, stride: Triple, padding: Triple, count: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(rulebook, "BLOCK_ROWS", block_rows)
    monkeypatch.setattr(gathered_conv, "GATHERED", 100 * block_rows)
    sites = random_sites(count)
    features, weight = inputs(sites, kernel)
    book = BACKENDS[backend].strided(sites, kernel, stride, padding)
    out = BACKENDS[backend].convolve(features, weight, book)
    expected = dense_convolve(features, weight, sites, stride, padding)
    assert book.sites.shape == expected.shape[2:]
    check_with_gradients(dense(out, book.sites), expected, (features, weight))

    ones = torch.ones(*kernel, 1, 1, dtype=torch.float64)
    reached = dense_convolve(features.new_ones(len(sites), 1), ones, sites, stride, padding)[:, 0] > 0
    assert torch.equal(book.sites.coordinates, reached.nonzero())  # no output cell too few, none too many


def check_with_gradients(out: Tensor, expected: Tensor, leaves: tuple[Tensor, Tensor]) -> None:
    torch.testing.assert_close(out, expected)
    weights = torch.randn(out.shape, dtype=out.dtype, generator=torch.Generator().manual_seed(2))
    ours = torch.autograd.grad((out * weights).sum(), leaves)
    theirs = torch.autograd.grad((expected * weights).sum(), leaves)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("strided", [False, True])
def test_gradients_are_numerically_right(strided: bool) -> None:
    sites = random_sites(30, (3, 4, 3))
    features, weight = inputs(sites, (3, 3, 3), 2, 2)
    book = (
        strided_rulebook(sites, (3, 3, 3), (2, 2, 2), (1, 1, 1)) if strided else submanifold_rulebook(sites, (3, 3, 3))
    )
    assert torch.autograd.gradcheck(lambda f, w: reference_convolve(f, w, book), (features, weight))


def books(sites: Sites) -> list[Rulebook]:
    return [submanifold_rulebook(sites, (3, 3, 3)), strided_rulebook(sites, (3, 3, 3), (2, 2, 2), (1, 1, 1))]


@pytest.mark.parametrize(("c_in", "c_out"), [(5, 10), (24, 32)])
def test_bits_do_not_depend_on_the_number_of_threads(c_in: int, c_out: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forward and both gradients, in two calls with two threads and one with one."""
    monkeypatch.setattr(rulebook, "BLOCK_ROWS", 3000)
    sites = random_sites(7_000, (11, 40, 40), seed=3)
    generator = torch.Generator().manual_seed(4)
    features = torch.randn(len(sites), c_in, generator=generator, requires_grad=True)
    weight = torch.randn(3, 3, 3, c_in, c_out, generator=generator, requires_grad=True)

    def run(threads: int) -> list[Tensor]:
        torch.set_num_threads(threads)
        results = []
        for book in books(sites):
            out = reference_convolve(features, weight, book)
            results += [out, *torch.autograd.grad(out, (features, weight), out.detach().cos())]
        return results

    before = torch.get_num_threads()
    try:
        runs = [run(threads) for threads in (1, 2, 2)]
    finally:
        torch.set_num_threads(before)
    for other in runs[1:]:
        for first, second in zip(runs[0], other, strict=True):
            assert torch.equal(first, second)


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_voxel_at_all(backend: str) -> None:
    sites, chosen = random_sites(0), BACKENDS[backend]
    for book in (chosen.submanifold(sites, (3, 3, 3)), chosen.strided(sites, (3, 3, 3), (2, 2, 2), (1, 1, 1))):
        features, weight = inputs(sites, (3, 3, 3))
        out = chosen.convolve(features, weight, book)
        assert out.shape == (0, 3)
        to_features, to_weight = torch.autograd.grad(out.sum(), (features, weight))
        assert to_features.shape == (0, 4)
        assert not to_weight.any()


@pytest.mark.parametrize("backend", BACKENDS)
def test_half_precision_is_widened(backend: str) -> None:
    sites, chosen = random_sites(40), BACKENDS[backend]
    features, weight = (leaf.detach().half() for leaf in inputs(sites, (3, 3, 3)))
    book = chosen.submanifold(sites, (3, 3, 3))
    expected = chosen.convolve(features.float(), weight.float(), book)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = chosen.convolve(features, weight, book)
    assert out.dtype == torch.float32
    assert torch.equal(out, expected)


def test_sorting_keeps_track_of_rows() -> None:
    cells = torch.tensor([[1, 0, 2, 3], [0, 4, 0, 0], [0, 1, 6, 5]])
    sites, order = sort_sites(cells, SHAPE, 2)
    assert sites.coordinates.tolist() == sorted(cells.tolist())
    assert torch.equal(cells[order], sites.coordinates)
    assert torch.equal(rulebook.unpack(sites.keys, SHAPE), sites.coordinates)


@pytest.mark.parametrize(
    ("cells", "message"),
    [([[0, 0, 0, 0], [0, 0, 0, 0]], "duplicate"), ([[0, 5, 0, 0]], "outside"), ([[2, 0, 0, 0]], "outside")],
)
def test_impossible_voxels_are_refused(cells: list[list[int]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sort_sites(torch.tensor(cells), SHAPE, 2)


def test_kernels_that_do_not_fit_are_refused() -> None:
    sites = random_sites(10)
    features, weight = inputs(sites, (3, 3, 3))
    with pytest.raises(ValueError, match="kernel"):
        reference_convolve(features, weight, submanifold_rulebook(sites, (3, 1, 1)))
    with pytest.raises(ValueError, match="rows"):
        reference_convolve(features[1:], weight, submanifold_rulebook(sites, (3, 3, 3)))
    for backend in BACKENDS.values():
        with pytest.raises(ValueError, match="1 or 3"):
            backend.submanifold(sites, (3, 5, 3))
    with pytest.raises(ValueError, match="rows"):
        gathered_conv.gathered_convolve(features[1:], weight, BACKENDS["gathered"].submanifold(sites, (3, 3, 3)))
    with pytest.raises(ValueError, match="too small"):
        output_shape((2, 8, 8), (3, 1, 1), (2, 1, 1), (0, 0, 0))
