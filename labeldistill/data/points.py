"""The LiDAR cloud that the teacher sees: the key frame and its sweeps, in the ego frame of the key frame."""

from dataclasses import dataclass

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from labeldistill.geometry.frames import Array, rotation_matrix
from labeldistill.nuscenes.columns import Integers

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class SweepRule:
    """Which clouds of a key frame are used.

    Attributes:
        past, future: the most clouds before and after the key frame.
        cut_at_gap: True ends the list at its first empty slot (fewer clouds than `past` since the previous key frame:
            none from the future) and repeats a lone key cloud once for every slot, as the released code does;
            False uses every cloud that is there, each once.
    """

    past: int
    future: int
    cut_at_gap: bool

    def choose(self, slot: Integers, own: NDArray[np.bool_]) -> Integers:
        """Positions, in order, of the clouds to use; `slot` and `own` as in `nuscenes.columns.Sweeps`."""
        before = (slot < 0) & (slot >= -self.past)
        after = (slot > 0) & (slot <= self.future)
        if not self.cut_at_gap:
            return np.flatnonzero((slot == 0) | before | after)
        before &= own
        if np.count_nonzero(before) < self.past:
            after &= False
        chosen = np.flatnonzero((slot == 0) | before | after)
        return np.repeat(chosen, 1 + self.past + self.future) if len(chosen) == 1 else chosen


@dataclass(frozen=True)
class LidarPose:
    """Ego poses (rotation [4], translation [3]) of a cloud and of the key frame, and the sensor's pose in the ego."""

    sensor_rotation: Array
    sensor_translation: Array
    ego_rotation: Array
    ego_translation: Array


def in_key_frame(cloud: Float32, cloud_pose: LidarPose, key_pose: LidarPose, *, float32_global: bool) -> Float32:
    """Points [n, >= 3] of a cloud in the ego frame of the key frame, metres.

    The key frame's sensor pose is used for every cloud, as in the released code. `float32_global` rounds global
    coordinates to float32 on the way (about 6e-5 m at 1000 m), as the released code does.
    """
    sensor, ego = rotation_matrix(key_pose.sensor_rotation), rotation_matrix(cloud_pose.ego_rotation)
    key = rotation_matrix(key_pose.ego_rotation)
    turn = ego @ sensor
    shift = ego @ key_pose.sensor_translation + cloud_pose.ego_translation
    if not float32_global:
        whole, offset = key.T @ turn, key.T @ (shift - key_pose.ego_translation)
        return np.asarray(cloud[:, :3] @ whole.T + offset, dtype=np.float32)
    in_global = (cloud[:, :3] @ turn.T + shift).astype(np.float32)
    local = (in_global - key_pose.ego_translation).astype(np.float32)
    return np.asarray(local @ key.astype(np.float32))


def within(cloud: Float32, distance_m: float) -> Float32:
    """The points of a cloud nearer than `distance_m` to the sensor, measured in the sensor's xy plane."""
    return np.asarray(cloud[np.sqrt(cloud[:, 0] ** 2 + cloud[:, 1] ** 2) < np.float32(distance_m)])


def capped(points: Float32, most: int, rng: RandomState) -> Float32:
    """At most `most` points, drawn without replacement when there are more."""
    if len(points) <= most:
        return points
    return np.asarray(points[rng.choice(len(points), most, replace=False)])
