"""Hard voxelisation of point clouds: the first points of the first voxels are kept, in the order of the points."""

from dataclasses import dataclass

import torch
from torch import Tensor

from labeldistill.ops.constants import constant

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Voxels:
    """The occupied voxels of a batch, sample after sample, each in the order of its first point.

    Attributes:
        points: [V, M, C] the first M points of each voxel, zeros behind them.
        counts: [V] int64 number of points kept, 1 to M.
        coordinates: [V, 4] int64 sample, z, y, x.
    """

    points: Tensor
    counts: Tensor
    coordinates: Tensor


def voxelize(
    points: Tensor, low: Triple, size: Triple, cells: tuple[int, int, int], max_points: int, max_voxels: int
) -> Voxels:
    """Sort points into voxels as mmcv's hard, deterministic Voxelization does.

    Points outside the grid or with a value that is not finite are dropped, so padding rows of -999 vanish. After
    `max_voxels` voxels of a sample, points no longer open new ones but still fill existing ones.

    Args:
        points: [B, P, C] with x, y, z first, metres.
        low: lower corner of the grid along x, y, z, metres.
        size: voxel size along x, y, z, metres.
        cells: number of voxels along x, y, z.
        max_points: points kept per voxel.
        max_voxels: voxels kept per sample.
    """
    batch, length = points.shape[:2]
    flat = points.flatten(0, 1)
    origin, step = constant(tuple(low), flat), constant(tuple(size), flat)
    cell = torch.floor((flat[:, :3] - origin) / step)
    inside = flat.sum(1).isfinite()  # one value that is not finite makes the sum not finite
    inside &= ((cell >= 0) & (cell < constant(tuple(cells), cell))).all(1)
    x, y, z = torch.where(inside[:, None], cell, 0).long().unbind(1)
    sample = torch.arange(batch, device=flat.device)[:, None].expand(batch, length).flatten()
    keys = ((sample * cells[2] + z) * cells[1] + y) * cells[0] + x
    place = _places(torch.where(inside, keys, OUTSIDE))
    opens = place.first & inside  # the first point of a voxel opens it, up to the limit of its sample
    number = opens.view(batch, length).cumsum(1)
    opens &= (number <= max_voxels).flatten()
    place_of = opens.cumsum(0) - 1
    total = int(opens.sum())  # the one number that the host has to know
    voxel = torch.where(opens[place.opener] & inside, place_of[place.opener], total)  # `total`: in none
    kept = (voxel < total) & (place.rank < max_points)
    slots = torch.where(kept, voxel * max_points + place.rank, total * max_points)
    gathered = flat.new_zeros(total * max_points + 1, flat.shape[1]).index_put((slots,), flat)
    opener = torch.where(opens, place_of, total)
    about = torch.stack((sample, z, y, x), dim=1)
    coordinates = about.new_zeros(total + 1, 4).index_put((opener,), about)
    counts = torch.zeros(total + 1, dtype=torch.int64, device=flat.device).scatter_add_(0, voxel, kept.long())
    return Voxels(gathered[:-1].view(total, max_points, flat.shape[1]), counts[:-1], coordinates[:-1])


OUTSIDE = torch.iinfo(torch.int64).max
"""Key of the points that belong to no voxel; sorted last."""


@dataclass(frozen=True)
class _Places:
    """For each of P entries: whether it is the `first` of its key, which one that is (`opener`), its `rank` there."""

    first: Tensor
    opener: Tensor
    rank: Tensor


def _places(keys: Tensor) -> _Places:
    """Find the entries [P] of equal keys, which keep their order; nothing here depends on how many keys there are."""
    ordered, order = torch.sort(keys, stable=True)
    new = torch.ones_like(ordered, dtype=torch.bool)
    new[1:] = ordered[1:] != ordered[:-1]
    numbers = torch.arange(len(keys), device=keys.device)
    start = torch.where(new, numbers, 0).cummax(0).values
    first, opener, rank = torch.empty_like(new), torch.empty_like(order), torch.empty_like(order)
    first[order], opener[order], rank[order] = new, order[start], numbers - start
    return _Places(first, opener, rank)
