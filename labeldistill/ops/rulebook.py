"""Rulebooks of sparse 3D convolution: which input voxel meets which output voxel under which kernel weight.

Voxels are rows sorted by one integer key, so that neighbours are found by binary search; every pair list is in a fixed
order (kernel offset, then output row), which is what makes the sums over them repeatable.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional as F

Triple = tuple[int, int, int]
"""Three numbers along z, y, x."""


@dataclass(frozen=True)
class Sites:
    """The occupied cells of a batch of voxel grids, sorted by (sample, z, y, x).

    Attributes:
        coordinates: [N, 4] int64 rows of sample, z, y, x; no row twice.
        shape: cells along z, y, x.
        batch: number of samples, empty ones included.
    """

    coordinates: Tensor
    shape: Triple
    batch: int

    def __len__(self) -> int:
        return len(self.coordinates)

    @cached_property
    def keys(self) -> Tensor:
        """[N] int64, ascending: one number a cell. Axes have a margin of a cell, so no neighbour's key wraps around."""
        return pack(self.coordinates, self.shape)


def _key_weights(shape: Triple) -> tuple[int, int, int, int]:
    """What a step of sample, z, y, x adds to a key."""
    return (shape[0] + 2) * (shape[1] + 2) * (shape[2] + 2), (shape[1] + 2) * (shape[2] + 2), shape[2] + 2, 1


def pack(coordinates: Tensor, shape: Triple) -> Tensor:
    """[N, 4] int64 sample, z, y, x to [N] int64 keys that sort in that order."""
    sample, *axes = coordinates.unbind(1)
    keys = sample * _key_weights(shape)[0]
    for axis, weight in zip(axes, _key_weights(shape)[1:], strict=True):
        keys = keys + (axis + 1) * weight
    return keys


def unpack(keys: Tensor, shape: Triple) -> Tensor:
    """Invert `pack`: [N] keys to [N, 4] int64 sample, z, y, x."""
    columns = []
    for cells in (shape[2], shape[1], shape[0]):
        above = torch.div(keys, cells + 2, rounding_mode="floor")
        columns.append(keys - above * (cells + 2) - 1)
        keys = above
    return torch.stack((keys, *reversed(columns)), dim=1)


def sort_sites(coordinates: Tensor, shape: Triple, batch: int) -> tuple[Sites, Tensor]:
    """Sort occupied cells.

    Args:
        coordinates: [N, 4] int64 sample, z, y, x in any order.
        shape: cells along z, y, x.
        batch: number of samples.

    Returns:
        The sites, and [N] the input row of each.

    Raises:
        ValueError: a cell twice or outside the grid.
    """
    size = coordinates.new_tensor((batch, *shape))
    if not bool(((coordinates >= 0) & (coordinates < size)).all()):
        raise ValueError(f"voxel coordinates outside a grid of {batch} samples and {shape} cells (z, y, x)")
    keys, order = torch.sort(pack(coordinates, shape))
    if bool((keys[1:] == keys[:-1]).any()):
        raise ValueError("a voxel occurs twice")
    return Sites(coordinates[order], shape, batch), order


@dataclass(frozen=True)
class Rulebook:
    """Pairs (input row, output row), grouped by kernel offset and ascending in the output row within a group.

    Attributes:
        inputs: [P] int64 row of the input voxel.
        outputs: [P] int64 row of the output voxel; no row twice in a group.
        pairs: number of pairs of each kernel offset, offsets in the order (kz, ky, kx) of the flattened weight.
        sites: the output voxels.
        input_rows: number of input voxels.
    """

    inputs: Tensor
    outputs: Tensor
    pairs: tuple[int, ...]
    sites: Sites
    input_rows: int

    @cached_property
    def by_output(self) -> tuple[Tensor, Tensor]:
        """Pair numbers grouped by output row, and where each row's group starts ([P] and [outputs + 1])."""
        return _group(self.outputs, len(self.sites))

    @cached_property
    def by_input(self) -> tuple[Tensor, Tensor]:
        """Pair numbers grouped by input row, and where each row's group starts ([P] and [input_rows + 1])."""
        return _group(self.inputs, self.input_rows)


def _group(rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
    order = torch.sort(rows, stable=True).indices
    return order, F.pad(torch.bincount(rows, minlength=count).cumsum(0), (1, 0))


def submanifold_rulebook(sites: Sites, kernel: Triple) -> Rulebook:
    """Pairs of a submanifold convolution: outputs are the inputs, odd kernels are centred on them.

    Only the first half of the offsets is searched: the pairs of the mirrored offset are the same pairs swapped.
    """
    if any(size not in (1, 3) for size in kernel):  # the keys' margin of one cell bounds the reach
        raise ValueError(f"a submanifold convolution needs kernel sizes of 1 or 3, got {kernel}")
    keys = sites.keys
    offsets = list(product(*(range(-(size // 2), size // 2 + 1) for size in kernel)))
    rows = torch.arange(len(keys), device=keys.device)
    first_half: list[tuple[Tensor, Tensor]] = []
    _, step_z, step_y, step_x = _key_weights(sites.shape)
    position, run = rows, None
    for dz, dy, dx in offsets[: len(offsets) // 2]:
        wanted = keys + (dz * step_z + dy * step_y + dx * step_x)
        if (dz, dy) != run:
            position, run = torch.searchsorted(keys, wanted), (dz, dy)
        else:  # the next cell along x: at most one row further
            position = position + (keys[position.clamp_max(len(keys) - 1)] < wanted)
        found = keys[position.clamp_max(len(keys) - 1)] == wanted
        outputs = found.nonzero()[:, 0]
        first_half.append((position[outputs], outputs))
    groups = [*first_half, (rows, rows), *((outputs, inputs) for inputs, outputs in reversed(first_half))]
    return _rulebook(groups, sites, len(sites))


def strided_rulebook(sites: Sites, kernel: Triple, stride: Triple, padding: Triple) -> Rulebook:
    """Pairs of a strided convolution: an output cell exists where its window holds at least one input voxel."""
    shape = output_shape(sites.shape, kernel, stride, padding)
    weights = _key_weights(shape)
    sample, *axes = sites.coordinates.unbind(1)
    steps = [
        [_step(axes[a], k, stride[a], padding[a], shape[a], weights[a + 1]) for k in range(kernel[a])] for a in range(3)
    ]
    base = sample * weights[0]
    inputs, targets = [], []
    for (key_z, in_z), (key_y, in_y), (key_x, in_x) in product(*steps):
        rows = (in_z & in_y & in_x).nonzero()[:, 0]
        inputs.append(rows)
        targets.append(base[rows] + key_z[rows] + key_y[rows] + key_x[rows])
    keys, outputs = torch.unique(torch.cat(targets), return_inverse=True)
    groups = list(zip(inputs, outputs.split([len(rows) for rows in inputs]), strict=True))
    return _rulebook(groups, Sites(unpack(keys, shape), shape, sites.batch), len(sites))


def output_shape(shape: Triple, kernel: Triple, stride: Triple, padding: Triple) -> Triple:
    """Cells along z, y, x after a strided convolution; ValueError where a kernel is larger than the padded grid."""
    z, y, x = (
        (cells + 2 * pad - size) // step + 1
        for cells, size, step, pad in zip(shape, kernel, stride, padding, strict=True)
    )
    if min(z, y, x) < 1:
        raise ValueError(f"a grid of {shape} cells (z, y, x) is too small for kernel {kernel} with padding {padding}")
    return z, y, x


def _step(coordinate: Tensor, k: int, stride: int, padding: int, cells: int, key_weight: int) -> tuple[Tensor, Tensor]:
    """Along one axis: what the output cell reached through weight `k` adds to the key, and whether there is one."""
    reached = coordinate + (padding - k)
    target = torch.div(reached, stride, rounding_mode="floor")
    return (target + 1) * key_weight, (target * stride == reached) & (target >= 0) & (target < cells)


def _rulebook(groups: list[tuple[Tensor, Tensor]], sites: Sites, input_rows: int) -> Rulebook:
    return Rulebook(
        torch.cat([inputs for inputs, _ in groups]),
        torch.cat([outputs for _, outputs in groups]),
        tuple(len(inputs) for inputs, _ in groups),
        sites,
        input_rows,
    )
