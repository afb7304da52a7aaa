"""Boxes of one key frame in the scene's frame, LiDAR points in each, and how much of each the six cameras saw."""

import numpy as np
from numpy.typing import NDArray

from labeldistill.synthetic.camera import Placed
from labeldistill.synthetic.facts import VISIBILITY
from labeldistill.synthetic.objects import GROUND_GAP, Thing

F64 = NDArray[np.float64]


def box_poses(things: tuple[Thing, ...], time_s: float) -> F64:
    """Centre and yaw [n, 4] (x, y, z m, rad) of every thing's box in the scene's frame."""
    poses = np.array([thing.body.motion.at(time_s) for thing in things]).reshape(-1, 3)
    heights = np.array([thing.size[2] for thing in things])
    return np.column_stack([poses[:, :2], heights / 2 + GROUND_GAP, poses[:, 2]])


def points_inside(boxes: F64, sizes: F64, points: NDArray[np.float32], lidar: Placed) -> NDArray[np.int64]:
    """Number of LiDAR points in every box.

    Args:
        boxes: [n, 4] x, y, z (metres) and yaw (radians) in the scene's frame.
        sizes: [n, 3] width, length, height, metres.
        points: [m, 5] LiDAR points in the sensor's frame.
        lidar: pose of the sensor in the scene.

    Returns:
        [n] counts.
    """
    scene = np.einsum("nj,ij->ni", points[:, :3].astype(np.float64), lidar.rotation) + lidar.origin
    counts = np.zeros(len(boxes), np.int64)
    for k, ((x, y, z, yaw), (width, length, height)) in enumerate(zip(boxes, sizes, strict=True)):
        offset = scene - (x, y, z)
        near = (np.abs(offset[:, :2]) <= (length + width) / 2).all(1)
        dx, dy, dz = offset[near].T
        ahead, left = np.cos(yaw) * dx + np.sin(yaw) * dy, np.cos(yaw) * dy - np.sin(yaw) * dx
        counts[k] = ((np.abs(ahead) <= length / 2) & (np.abs(left) <= width / 2) & (np.abs(dz) <= height / 2)).sum()
    return counts


def visibility_tokens(total: NDArray[np.int64], visible: NDArray[np.int64]) -> list[str]:
    """nuScenes' visibility token of every object: the unoccluded share of its pixels over all images."""
    share = visible / np.maximum(total, 1)
    bounds = np.array([bound for _, _, bound in VISIBILITY[:-1]])
    return [VISIBILITY[int(k)][0] for k in np.searchsorted(bounds, share, side="right")]
