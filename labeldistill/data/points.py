"""The LiDAR cloud that the teacher sees: the key frame and its sweeps, in the ego frame of the key frame."""

from dataclasses import dataclass

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from labeldistill.geometry.frames import Array, inverse_pose
from labeldistill.nuscenes.columns import Integers

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class SweepOptions:
    """Which clouds of a key frame are used.

    Attributes:
        past, future: largest number of clouds before and after the key frame.
        cut_at_gap: True ends the list at its first empty slot (with fewer than `past` clouds since the previous key
            frame, none from the future are used) and repeats a lone key cloud for every slot, as the released code
            does; False uses every cloud that exists, once.
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


def in_key_frame(cloud: Float32, sensor2global: Array, key2global: Array, *, float32_global: bool) -> Float32:
    """Points [n, 3] of a cloud [n, >= 3] in the ego frame of the key frame, metres.

    Args:
        cloud: x, y, z in the sensor's frame, metres.
        sensor2global: [4, 4] at the cloud's time.
        key2global: [4, 4] ego pose of the key frame.
        float32_global: round global coordinates to float32 on the way (about 6e-5 m at 1000 m), as the release does.
    """
    if not float32_global:
        matrix = (inverse_pose(key2global) @ sensor2global).astype(np.float32)
        return np.asarray(cloud[:, :3] @ matrix[:3, :3].T + matrix[:3, 3])
    in_global = (cloud[:, :3] @ sensor2global[:3, :3].T + sensor2global[:3, 3]).astype(np.float32)
    local = (in_global - key2global[:3, 3]).astype(np.float32)
    return np.asarray(local @ key2global[:3, :3].astype(np.float32))


def within(cloud: Float32, distance_m: float) -> Float32:
    """The points of a cloud nearer than `distance_m` to the sensor, measured in the sensor's xy plane."""
    x, y = cloud[:, 0], cloud[:, 1]
    return cloud.compress(np.sqrt(x * x + y * y) < np.float32(distance_m), axis=0)


def capped(points: Float32, most: int, rng: RandomState) -> Float32:
    """At most `most` points, drawn without replacement when there are more."""
    if len(points) <= most:
        return points
    return np.asarray(points[rng.choice(len(points), most, replace=False)])
