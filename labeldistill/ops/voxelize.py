"""Hard voxelisation of point clouds: the first points of the first voxels are kept, in the order of the points."""

from dataclasses import dataclass

import torch
from torch import Tensor

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
    columns = [torch.floor((flat[:, a] - flat.new_tensor(low[a])) / flat.new_tensor(size[a])) for a in range(3)]
    inside = flat.sum(1).isfinite()  # one value that is not finite makes the sum not finite
    for column, count in zip(columns, cells, strict=True):
        inside &= (column >= 0) & (column < count)
    rows = inside.nonzero()[:, 0]
    sample = rows.div(length, rounding_mode="floor")
    x, y, z = (column.index_select(0, rows).long() for column in columns)
    keys = ((sample * cells[2] + z) * cells[1] + y) * cells[0] + x
    voxel, rank, first = _in_order_of_first_point(keys)
    first_sample = sample[first]
    before = torch.searchsorted(first_sample, torch.arange(batch, device=points.device))  # voxels of earlier samples
    opened = torch.arange(len(first), device=points.device) - before[first_sample] < max_voxels
    kept = opened[voxel] & (rank < max_points)
    number = opened.cumsum(0) - 1  # only voxels that were opened are numbered
    gathered = flat.new_zeros(int(opened.sum()), max_points, flat.shape[1])
    gathered[number[voxel[kept]], rank[kept]] = flat[rows[kept]]
    counts = torch.bincount(voxel, minlength=len(first)).clamp(max=max_points)
    coordinates = torch.stack((first_sample, z[first], y[first], x[first]), dim=1)
    return Voxels(gathered, counts[opened], coordinates[opened])


def _in_order_of_first_point(keys: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Number the distinct keys by their first occurrence.

    Returns:
        number [P] of each entry's key; rank [P] of the entry among those of its key; first [V] entry of each key.
    """
    order = torch.sort(keys, stable=True).indices
    _, group, sizes = torch.unique_consecutive(keys[order], return_inverse=True, return_counts=True)
    starts = sizes.cumsum(0) - sizes
    first, by_first = torch.sort(order[starts])
    number_of_group = torch.empty_like(by_first).index_copy_(0, by_first, torch.arange(len(first), device=keys.device))
    number, rank = torch.empty_like(order), torch.empty_like(order)
    number[order] = number_of_group[group]
    rank[order] = torch.arange(len(keys), device=keys.device) - starts[group]
    return number, rank, first
