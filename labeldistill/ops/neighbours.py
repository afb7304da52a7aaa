"""Who convolves with whom, as tables of fixed width: what a GPU builds without a word to the host.

A rulebook (`rulebook.py`) lists only the pairs that exist, so that its lists have lengths that the host must know; here
every voxel has one entry for each kernel offset, and what isn't there points at a row of zeros.
"""

from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from labeldistill.ops.constants import constant
from labeldistill.ops.rulebook import Sites, Triple, output_shape, pack, submanifold_kernel, unpack

NOWHERE = torch.iinfo(torch.int64).max
"""A key of no cell, above all others."""


@dataclass(frozen=True)
class Neighbours:
    """For K kernel offsets in the order (kz, ky, kx) of the flattened weight.

    Attributes:
        inputs: [M, K] int64 input row that each output row sees through each offset; N where there is none.
        outputs: [N, K] int64 output row that each input row reaches through each offset; M where there is none.
        sites: the M output voxels.
    """

    inputs: Tensor
    outputs: Tensor
    sites: Sites


def submanifold_neighbours(sites: Sites, kernel: Triple) -> Neighbours:
    """Neighbours of a submanifold convolution, see `rulebook.submanifold_rulebook`."""
    submanifold_kernel(kernel)
    offsets = product(*(range(-(size // 2), size // 2 + 1) for size in kernel))
    steps = tuple(_steps(list(offsets), sites.shape))
    found = _rows(sites.keys, sites.keys[:, None] + constant(steps, sites.keys))
    return Neighbours(found, found.flip(1), sites)  # through the mirrored offset an input reaches what sees it


def strided_neighbours(sites: Sites, kernel: Triple, stride: Triple, padding: Triple) -> Neighbours:
    """Neighbours of a strided convolution, see `rulebook.strided_rulebook`; the number of outputs is its one sync.

    Args:
        sites: input voxels.
        kernel: kernel size along z, y, x.
        stride: stride along z, y, x.
        padding: zeros around the grid along z, y, x.

    Raises:
        ValueError: the kernel is larger than the padded grid.
    """
    shape = output_shape(sites.shape, kernel, stride, padding)
    coordinates = sites.coordinates
    offsets = tuple(product(*(range(size) for size in kernel)))
    offset, step, zeros = (constant(values, coordinates) for values in (offsets, stride, padding))
    moved = coordinates[:, None, 1:] + zeros - offset  # [N, K, 3]
    reached = torch.div(moved, step, rounding_mode="floor")
    exists = (reached * step == moved) & _within(reached, shape)
    keys = torch.where(exists.all(2), pack(_with_sample(coordinates, reached), shape), NOWHERE)
    found = torch.unique(torch.cat([keys.flatten(), constant((NOWHERE,), keys)]))[:-1]
    target = Sites(unpack(found, shape), shape, sites.batch)
    seen = target.coordinates[:, None, 1:] * step - zeros + offset  # [M, K, 3]
    wanted = pack(_with_sample(target.coordinates, seen), sites.shape)
    wanted = torch.where(_within(seen, sites.shape).all(2), wanted, NOWHERE)
    return Neighbours(_rows(sites.keys, wanted), _rows(found, keys), target)


def _steps(offsets: list[tuple[int, ...]], shape: Triple) -> list[int]:
    """What an offset along z, y, x adds to a key (see `pack`, whose grid has a margin of one cell)."""
    return [(dz * (shape[1] + 2) + dy) * (shape[2] + 2) + dx for dz, dy, dx in offsets]


def _rows(keys: Tensor, wanted: Tensor) -> Tensor:
    """The row of each wanted key among the ascending `keys` [N]; N where it isn't among them."""
    if len(keys) == 0:
        return torch.zeros_like(wanted)
    row = torch.searchsorted(keys, wanted)
    return torch.where(keys.take(row.clamp(max=len(keys) - 1)) == wanted, row, len(keys))


def _within(cells: Tensor, shape: Triple) -> Tensor:
    """Whether z, y, x [..., 3] lie in the grid, each for itself."""
    return (cells >= 0) & (cells < constant(shape, cells))


def _with_sample(coordinates: Tensor, cells: Tensor) -> Tensor:
    """[N, 4] samples and [N, K, 3] z, y, x to [N, K, 4]."""
    return torch.cat([coordinates[:, None, :1].expand(-1, cells.shape[1], -1), cells], dim=2)
