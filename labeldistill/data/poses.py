"""Camera matrices and the ego frame of a key frame."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labeldistill.geometry.frames import Array, inverse_pose, mean_pose, pose_matrix
from labeldistill.nuscenes.columns import Cameras, Sweeps


def key_ego_pose(
    cameras: Cameras, rows: slice, sweeps: Sweeps, key: int, *, mean_camera_pose: bool
) -> tuple[Array, Array]:
    """Rotation [4] and translation [3] of the frame that boxes live in, in the global frame.

    Args:
        cameras: columns; `rows` are the six of the key frame.
        rows: rows of the key frame's cameras.
        sweeps: columns; `key` is the row of the key frame's own cloud.
        key: row of the LiDAR key frame.
        mean_camera_pose: True takes the mean over the six cameras (the release), False the LiDAR's ego pose.
    """
    if mean_camera_pose:
        return mean_pose(cameras.ego_rotation[rows], cameras.ego_translation[rows])
    return sweeps.ego_rotation[key], sweeps.ego_translation[key]


def sensor_to_key_ego(cameras: Cameras, frames: list[slice], key_ego: Array | None, *, float32: bool) -> Tensor:
    """[F, N, 4, 4] float32: cameras of each frame to the ego frame of the key frame (the first one).

    Args:
        cameras: columns.
        frames: rows of the cameras of each frame, key frame first.
        key_ego: [4, 4] the key frame's ego pose for all cameras; None: each camera's own ego pose in the key frame.
        float32: compose through global coordinates in float32 (the release) or float64.
    """
    rows = np.stack([np.arange(frame.start, frame.stop) for frame in frames])
    sensor2ego = pose_matrix(cameras.sensor_rotation[rows], cameras.sensor_translation[rows])
    ego2global = pose_matrix(cameras.ego_rotation[rows], cameras.ego_translation[rows])
    target = ego2global[0] if key_ego is None else np.broadcast_to(key_ego, ego2global[0].shape)
    if not float32:
        return torch.from_numpy(inverse_pose(target) @ ego2global @ sensor2ego).float()
    global2key: NDArray[np.float32] = np.linalg.inv(target.astype(np.float32))
    return torch.from_numpy(global2key @ ego2global.astype(np.float32) @ sensor2ego.astype(np.float32))


def intrinsics(cameras: Cameras, frames: list[slice]) -> Tensor:
    """[F, N, 4, 4] float32 pinhole matrices padded to 4 x 4."""
    rows = np.stack([np.arange(frame.start, frame.stop) for frame in frames])
    matrix = torch.eye(4).repeat(*rows.shape, 1, 1)
    matrix[..., :3, :3] = torch.from_numpy(cameras.intrinsics[rows].reshape(*rows.shape, 3, 3))
    return matrix
