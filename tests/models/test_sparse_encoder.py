"""The sparse encoder against the same network built of dense convolutions and masks."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from labeldistill.models.sparse_encoder import SparseEncoder, encoded_shape
from labeldistill.models.sparse_layers import SparseBasicBlock, SparseConv3d, SparseVoxels, VoxelNorm
from labeldistill.ops import rulebook
from labeldistill.ops.rulebook import Triple, sort_sites
from labeldistill.ops.sparse_backends import BACKENDS

STAGES = ((4, 4, 6), (6, 6, 8), (8, 8, 10), (10, 10))
SHAPE = (41, 16, 24)
BATCH = 3


def encoder(stages: tuple[tuple[int, ...], ...] = STAGES, shape: Triple = SHAPE) -> SparseEncoder:
    torch.manual_seed(0)
    built = SparseEncoder(5, shape, stages, 12).double()
    for name, buffer in built.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(std=0.1)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 2)
    return built


def voxels(count: int = 300, shape: Triple = SHAPE, empty: tuple[int, ...] = ()) -> tuple[Tensor, Tensor]:
    """Features and coordinates in no particular order, none in the samples `empty`."""
    generator = torch.Generator().manual_seed(1)
    cells = torch.stack([torch.randint(0, n, (count,), generator=generator) for n in (BATCH, *shape)], 1)
    cells = torch.unique(cells, dim=0)
    cells = cells[[int(cell[0]) not in empty for cell in cells]]
    cells = cells[torch.randperm(len(cells), generator=generator)]
    return torch.randn(len(cells), 5, generator=generator, dtype=torch.float64), cells


class DenseTwin:
    """The encoder's arithmetic on dense maps: convolve, keep the occupied cells."""

    def __init__(self, sparse: SparseEncoder) -> None:
        self.sparse = sparse

    def __call__(self, features: Tensor, cells: Tensor, batch: int) -> Tensor:
        x = torch.zeros(batch, *self.sparse.shape, 5, dtype=features.dtype)
        mask = torch.zeros(batch, *self.sparse.shape, dtype=torch.bool)
        x[tuple(cells.T)], mask[tuple(cells.T)] = features, True
        state = (x.movedim(-1, 1), mask[:, None])
        state = self.module(self.sparse.conv_input, state)
        for stage in self.sparse.encoder_layers:
            for layer in stage:
                block = isinstance(layer, SparseBasicBlock)
                state = self.block(layer, state) if block else self.module(layer, state)
        out, _ = self.module(self.sparse.conv_out, state)
        return out.flatten(1, 2)  # channel c at height d becomes c * D + d

    def module(self, layer: torch.nn.Module, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        x, mask = self.convolve(layer[0], state)
        return F.relu(self.normalise(layer[1], x)) * mask, mask

    def block(self, layer: SparseBasicBlock, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        x, mask = self.convolve(layer.conv1, state)
        x, _ = self.convolve(layer.conv2, (F.relu(self.normalise(layer.bn1, x)) * mask, mask))
        return F.relu(self.normalise(layer.bn2, x) + state[0]) * mask, mask

    def convolve(self, layer: SparseConv3d, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        x, mask = state
        kernel = layer.weight.permute(4, 3, 0, 1, 2)
        if layer.stride is None:
            return F.conv3d(x, kernel, padding=1) * mask, mask
        ones = torch.ones(1, 1, *layer.kernel, dtype=x.dtype)
        reached = F.conv3d(mask.to(x.dtype), ones, stride=layer.stride, padding=layer.padding) > 0
        return F.conv3d(x, kernel, stride=layer.stride, padding=layer.padding), reached

    def normalise(self, norm: VoxelNorm, x: Tensor) -> Tensor:
        statistics = (
            value[:, None, None, None] for value in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
        )
        mean, variance, weight, bias = statistics
        return (x - mean) / (variance + 1e-3).sqrt() * weight + bias


@pytest.mark.parametrize("empty", [(), (1,), (0, 2), (2,)])
def test_equals_its_dense_twin(empty: tuple[int, ...]) -> None:
    sparse = encoder().eval()
    features, cells = voxels(empty=empty)
    with torch.no_grad():
        out, expected = sparse(features, cells, BATCH), DenseTwin(sparse)(features, cells, BATCH)
    assert out.shape == (BATCH, sparse.output_channels, 2, 3)
    torch.testing.assert_close(out, expected)
    assert not out[list(empty)].any()


def test_gradients_equal_those_of_the_dense_twin() -> None:
    sparse = encoder().eval()
    features, cells = voxels()
    leaves = (features.requires_grad_(), *sparse.parameters())
    ours = torch.autograd.grad(sparse(features, cells, BATCH).sin().sum(), leaves)
    theirs = torch.autograd.grad(DenseTwin(sparse)(features, cells, BATCH).sin().sum(), leaves)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("stages", [1, 2, 3, 4])
def test_every_stage_but_the_last_halves_the_map(stages: int) -> None:
    kept = (*STAGES[: stages - 1], STAGES[stages - 1][:2])
    sparse = encoder(kept).eval()
    features, cells = voxels()
    with torch.no_grad():
        out = sparse(features, cells, BATCH)
        expected = DenseTwin(sparse)(features, cells, BATCH)
    assert out.shape[2:] == (SHAPE[1] // 2 ** (stages - 1), SHAPE[2] // 2 ** (stages - 1))
    assert out.shape[1] == sparse.output_channels == 12 * encoded_shape(SHAPE, stages)[0]
    torch.testing.assert_close(out, expected)


def test_the_release_ends_with_two_heights() -> None:
    assert encoded_shape((41, 1024, 1024), 4) == (2, 128, 128)


def test_the_order_of_voxels_does_not_matter() -> None:
    sparse = encoder().train()
    features, cells = voxels()
    state = {name: value.clone() for name, value in sparse.state_dict().items()}
    first = sparse(features, cells, BATCH)
    sparse.load_state_dict(state)
    assert torch.equal(sparse(features.flip(0), cells.flip(0), BATCH), first)


def test_layers_on_the_same_voxels_share_one_rulebook(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    plain = BACKENDS["reference"]

    def counting(*arguments: object) -> rulebook.Rulebook:
        built.append(arguments)
        return plain.submanifold(*arguments)  # type: ignore[arg-type, no-any-return]

    monkeypatch.setitem(BACKENDS, "reference", replace(plain, submanifold=counting))
    features, cells = voxels()
    encoder().eval()(features, cells, BATCH)
    assert len(built) == len(STAGES)


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_voxels_for_batch_statistics(rows: int) -> None:
    sparse = encoder().train()
    features, cells = voxels()
    before = sparse.conv_input[1].running_mean.clone()
    out = sparse(features[:rows], cells[:rows], BATCH)
    out.sum().backward()
    assert out.isfinite().all()
    assert torch.equal(sparse.conv_input[1].running_mean, before)


def test_batch_statistics_are_those_of_batch_norm() -> None:
    torch.manual_seed(3)
    ours, plain = VoxelNorm(6).double(), torch.nn.BatchNorm1d(6, eps=1e-3, momentum=0.01).double()
    x = torch.randn(50, 6, dtype=torch.float64, requires_grad=True)
    for mode in (True, False):
        a, b = ours.train(mode)(x), plain.train(mode)(x)
        torch.testing.assert_close(a, b)
        torch.testing.assert_close(*(torch.autograd.grad((y * x.detach().cos()).sum(), x)[0] for y in (a, b)))
    for mine, other in zip(ours.buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.slow
def test_bits_do_not_depend_on_the_number_of_threads() -> None:
    """Train mode: forward, gradients and running statistics."""
    features, cells = voxels(6000, (41, 64, 64))
    threads = torch.get_num_threads()
    runs = []
    try:
        for count in (1, 2, 2):
            torch.set_num_threads(count)
            sparse = encoder(shape=(41, 64, 64)).float().train()
            out = sparse(features.float(), cells, BATCH)
            runs.append([out, *torch.autograd.grad(out.sin().sum(), tuple(sparse.parameters())), *sparse.buffers()])
    finally:
        torch.set_num_threads(threads)
    for other in runs[1:]:
        assert all(torch.equal(a, b) for a, b in zip(runs[0], other, strict=True))


def test_dense_puts_every_row_in_its_cell() -> None:
    sites, _ = sort_sites(torch.tensor([[0, 1, 2, 0], [1, 0, 0, 3], [1, 1, 2, 3]]), (2, 3, 4), 2)
    features = torch.arange(1.0, 7).view(3, 2).requires_grad_()
    dense = SparseVoxels(features, sites).dense()
    assert dense.shape == (2, 2, 2, 3, 4)
    assert dense[0, :, 1, 2, 0].tolist() == [1, 2]
    assert dense[1, :, 0, 0, 3].tolist() == [3, 4]
    assert dense[1, :, 1, 2, 3].tolist() == [5, 6]
    assert (dense != 0).sum() == 6
    (gradient,) = torch.autograd.grad((dense * torch.arange(96.0).view_as(dense)).sum(), features)
    cells = [(0, 1, 2, 0), (1, 0, 0, 3), (1, 1, 2, 3)]
    expected = [[float(((b * 2 + c) * 2 + z) * 12 + y * 4 + x) for c in range(2)] for b, z, y, x in cells]
    assert gradient.tolist() == expected


def test_stages_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="must have 6"):
        SparseEncoder(5, SHAPE, ((4, 4, 6), (8, 8)), 12)
    with pytest.raises(ValueError, match="too small"):
        SparseEncoder(5, (5, 16, 16), STAGES, 12)


def test_names_are_the_released_ones() -> None:
    names = [name for name, _ in encoder().named_parameters()]
    assert names[:2] == ["conv_input.0.weight", "conv_input.1.weight"]
    assert "encoder_layers.encoder_layer1.0.conv1.weight" in names
    assert "encoder_layers.encoder_layer1.2.0.weight" in names
    assert "encoder_layers.encoder_layer4.1.bn2.bias" in names
    assert names[-3:] == ["conv_out.0.weight", "conv_out.1.weight", "conv_out.1.bias"]
    assert all(a <= b for a, b in pairwise(name.split(".")[1] for name in names if "encoder_layer" in name))
