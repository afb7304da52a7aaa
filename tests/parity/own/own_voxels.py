"""08: hard voxelisation, one point after the other, and the mean of each voxel's points."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

LOW, HIGH, SIZE = (-2.0, -1.0, -0.5), (2.0, 1.0, 1.0), (0.5, 0.25, 0.5)
CELLS = (8, 8, 3)
MAX_POINTS, MAX_VOXELS = 3, {"train": 25, "eval": 500}
FLOATS = NDArray[np.float32]


def _clouds() -> FLOATS:
    rng = np.random.default_rng(8)
    points = rng.uniform((-2.4, -1.2, -0.7, 0, -1), (2.4, 1.2, 1.2, 255, 0), (2, 240, 5)).astype(np.float32)
    points[:, 100:160, :3] = points[:, 40:100, :3]  # voxels with several points, far apart in order
    points[:, 160:180, :3] = points[:, 40:60, :3]
    points[:, 180:220, :3] = points[:, 80:81, :3]  # one that overflows
    points[:, 0, :3], points[:, 1, :3] = LOW, HIGH  # the lower corner is inside, the upper one is not
    points[:, 230:] = -999  # padding
    return points


def _voxelised(cloud: FLOATS, max_voxels: int) -> dict[tuple[int, ...], list[FLOATS]]:
    """Points of each voxel (z, y, x), voxels in the order in which they were opened."""
    voxels: dict[tuple[int, ...], list[FLOATS]] = {}
    for point in cloud:
        cell = [int(np.floor((point[a] - np.float32(LOW[a])) / np.float32(SIZE[a]))) for a in range(3)]
        if any(not 0 <= c < n for c, n in zip(cell, CELLS, strict=True)):
            continue
        key = tuple(reversed(cell))
        if key not in voxels:
            if len(voxels) == max_voxels:
                continue
            voxels[key] = []
        if len(voxels[key]) < MAX_POINTS:
            voxels[key].append(point)
    return voxels


def voxels() -> dict[str, Any]:
    """The limit of voxels is met in training and not in evaluation; that of points in both."""
    clouds = _clouds()
    record: dict[str, Any] = {
        "cfg": {
            "point_cloud_range": [*LOW, *HIGH], "max_num_points": MAX_POINTS, "voxel_size": list(SIZE),
            "max_voxels": list(MAX_VOXELS.values()),
        },
        "points": torch.from_numpy(clouds),
    }  # fmt: skip
    for mode, limit in MAX_VOXELS.items():
        found = [_voxelised(cloud, limit) for cloud in clouds]
        assert all((len(of_sample) == limit) == (mode == "train") for of_sample in found)
        rows = [(sample, key, points) for sample, some in enumerate(found) for key, points in some.items()]
        padded = np.zeros((len(rows), MAX_POINTS, 5), np.float32)
        for row, (_, _, points) in enumerate(rows):
            padded[row, : len(points)] = points
        record[mode] = {
            "voxels": torch.from_numpy(padded),
            "num_points": torch.tensor([len(points) for *_, points in rows], dtype=torch.int32),
            "coors": torch.tensor([[sample, *key] for sample, key, _ in rows], dtype=torch.int32),
            "voxel_features": torch.from_numpy(
                np.stack([np.mean(points, 0, dtype=np.float64) for *_, points in rows]).astype(np.float32)
            ),
        }
    return record
