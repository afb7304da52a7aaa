"""Rulebooks of sparse 3D convolution: the pairs of input and output voxels for each kernel weight.

Voxels are rows sorted by one integer key, so that neighbours are found by binary search; every pair list is in a fixed
order, which is what makes the sums over them repeatable.
"""

from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional as F

from labeldistill.ops.constants import constant

BLOCK_ROWS = 8192

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
        """[N] int64, ascending: one key per cell. A margin of one cell keeps neighbours from wrapping around."""
        return pack(self.coordinates, self.shape)


def _key_weights(shape: Triple) -> tuple[int, int, int, int]:
    """How much a step along sample, z, y or x adds to a key."""
    return (shape[0] + 2) * (shape[1] + 2) * (shape[2] + 2), (shape[1] + 2) * (shape[2] + 2), shape[2] + 2, 1


def pack(coordinates: Tensor, shape: Triple) -> Tensor:
    """[..., 4] int64 sample, z, y, x to int64 keys that sort in that order."""
    sample, *axes = coordinates.unbind(-1)
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
        ValueError: a duplicate cell, or one outside the grid.
    """
    inside = ((coordinates >= 0) & (coordinates < constant((batch, *shape), coordinates))).all()
    keys, order = torch.sort(pack(coordinates, shape))
    different = (keys[1:] != keys[:-1]).all()
    if not bool(inside & different):  # one question to the device for both
        if not bool(inside):
            raise ValueError(f"voxel coordinates outside a grid of {batch} samples and {shape} cells (z, y, x)")
        raise ValueError("duplicate voxel coordinates")
    return Sites(coordinates[order], shape, batch), order


@dataclass(frozen=True)
class Block:
    """The pairs of consecutive output rows, ordered by kernel offset, then output row.

    Attributes:
        rows: the output rows.
        inputs: [P] int32 input row of each pair.
        outputs: [P] int32 output row of each pair, counted from the first row of the block.
        counts: number of pairs per kernel offset.
        order: [P] pair numbers grouped by output row.
        starts: [rows + 1] where each output row's group starts in `order`.
    """

    rows: slice
    inputs: Tensor
    outputs: Tensor
    counts: list[int]
    order: Tensor
    starts: Tensor


@dataclass(frozen=True)
class Pairs:
    """Pairs (input row, output row) of each kernel offset.

    Attributes:
        groups: for each offset, in the order (kz, ky, kx) of the flattened weight, int32 input rows and output rows,
            both ascending; no row twice.
        rows: number of output rows.
    """

    groups: tuple[tuple[Tensor, Tensor], ...]
    rows: int

    @cached_property
    def blocks(self) -> list[Block]:
        """The pairs split into blocks of output rows whose intermediate products stay small enough to be fast."""
        edges = [*range(0, self.rows, BLOCK_ROWS), self.rows]
        device = self.groups[0][0].device
        bounds = torch.tensor(edges, dtype=torch.int32, device=device)
        cuts = torch.stack([torch.searchsorted(outputs, bounds) for _, outputs in self.groups]).T.tolist()
        return [self._block(slice(*edges[i : i + 2]), cuts[i], cuts[i + 1]) for i in range(len(edges) - 1)]

    def _block(self, rows: slice, begin: list[int], end: list[int]) -> Block:
        cut = list(zip(self.groups, begin, end, strict=True))
        inputs = torch.cat([inputs[b:e] for (inputs, _), b, e in cut])
        outputs = torch.cat([outputs[b:e] for (_, outputs), b, e in cut]) - rows.start
        order = torch.sort(outputs, stable=True).indices
        starts = F.pad(torch.bincount(outputs, minlength=rows.stop - rows.start).cumsum(0), (1, 0))
        return Block(rows, inputs, outputs, [e - b for _, b, e in cut], order, starts)


@dataclass(frozen=True)
class Rulebook:
    """The pairs of input and output voxels for each kernel weight.

    Attributes:
        pairs: from input to output.
        sites: the output voxels.
        input_rows: number of input voxels.
        symmetric: whether the pairs of a kernel offset are those of the mirrored one with input and output swapped.
    """

    pairs: Pairs
    sites: Sites
    input_rows: int
    symmetric: bool

    @cached_property
    def swapped(self) -> Pairs:
        """The pairs from output to input."""
        return Pairs(tuple((outputs, inputs) for inputs, outputs in self.pairs.groups), self.input_rows)


def submanifold_kernel(kernel: Triple) -> None:
    """Raise ValueError unless sizes are 1 or 3: keys have a margin of one cell, which bounds the reach of a kernel."""
    if any(size not in (1, 3) for size in kernel):
        raise ValueError(f"a submanifold convolution needs kernel sizes of 1 or 3, got {kernel}")


def submanifold_rulebook(sites: Sites, kernel: Triple) -> Rulebook:
    """Pairs of a submanifold convolution: outputs are the inputs, odd kernels are centred on them.

    Only the first half of the offsets is searched: the pairs of the mirrored offset are the same pairs swapped.
    """
    submanifold_kernel(kernel)
    keys = sites.keys
    offsets = list(product(*(range(-(size // 2), size // 2 + 1) for size in kernel)))
    rows = torch.arange(len(keys), dtype=torch.int32, device=keys.device)
    first_half: list[tuple[Tensor, Tensor]] = []
    _, step_z, step_y, step_x = _key_weights(sites.shape)
    position, run, last = keys, None, len(keys) - 1
    for dz, dy, dx in offsets[: len(offsets) // 2]:
        wanted = keys + (dz * step_z + dy * step_y + dx * step_x)
        if (dz, dy) != run:
            position, run = torch.searchsorted(keys, wanted), (dz, dy)
        else:  # the next cell along x is at most one row further on
            position = position + (keys.take(position.clamp_max(last)) < wanted)
        found = keys.take(position.clamp_max(last)) == wanted
        outputs = found.nonzero()[:, 0]
        first_half.append((position[outputs].int(), outputs.int()))
    groups = [*first_half, (rows, rows), *((outputs, inputs) for inputs, outputs in reversed(first_half))]
    return Rulebook(Pairs(tuple(groups), len(sites)), sites, len(sites), symmetric=True)


def strided_rulebook(sites: Sites, kernel: Triple, stride: Triple, padding: Triple) -> Rulebook:
    """Pairs of a strided convolution: an output cell exists where its window holds at least one input voxel.

    Args:
        sites: input voxels.
        kernel: kernel size along z, y, x.
        stride: stride along z, y, x.
        padding: zeros around the grid along z, y, x.

    Returns:
        The rulebook; its sites are the output voxels, sorted by (sample, z, y, x).

    Raises:
        ValueError: the kernel is larger than the padded grid.
    """
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
        targets.append(reduce(torch.add, (part.index_select(0, rows) for part in (base, key_z, key_y, key_x))))
    keys, outputs = torch.unique(torch.cat(targets), return_inverse=True)
    reached = outputs.int().split([len(rows) for rows in inputs])
    pairs = Pairs(tuple(zip((rows.int() for rows in inputs), reached, strict=True)), len(keys))
    return Rulebook(pairs, Sites(unpack(keys, shape), shape, sites.batch), len(sites), symmetric=False)


def output_shape(shape: Triple, kernel: Triple, stride: Triple, padding: Triple) -> Triple:
    """Number of output cells of a strided convolution.

    Args:
        shape: input cells along z, y, x.
        kernel: kernel size along z, y, x.
        stride: stride along z, y, x.
        padding: zeros around the grid along z, y, x.

    Returns:
        Output cells along z, y, x.

    Raises:
        ValueError: the kernel is larger than the padded grid.
    """
    z, y, x = (
        (cells + 2 * pad - size) // step + 1
        for cells, size, step, pad in zip(shape, kernel, stride, padding, strict=True)
    )
    if min(z, y, x) < 1:
        raise ValueError(f"a grid of {shape} cells (z, y, x) is too small for kernel {kernel} with padding {padding}")
    return z, y, x


def _step(coordinate: Tensor, k: int, stride: int, padding: int, cells: int, key_weight: int) -> tuple[Tensor, Tensor]:
    """Along one axis: what the output cell reached through weight `k` adds to the key, and whether it exists."""
    reached = coordinate + (padding - k)
    target = torch.div(reached, stride, rounding_mode="floor")
    return (target + 1) * key_weight, (target * stride == reached) & (target >= 0) & (target < cells)
