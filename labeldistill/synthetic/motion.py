"""Motion on the ground plane: constant speed along a circle or a line, exact at every time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def poses_at(motions: Array, time_s: float | Array) -> Array:
    """Poses [.., 3] (x, y, yaw) of motions [.., 6] (the fields of `Motion` in order) at a time or times."""
    x, y, yaw, speed, yaw_rate, since = motions.T
    t = np.asarray(time_s, float) - since
    half = yaw_rate * t / 2
    chord = speed * t * np.where(np.abs(half) < 1e-6, 1.0, np.sin(half) / np.where(half == 0, 1.0, half))
    return np.stack([x + chord * np.cos(yaw + half), y + chord * np.sin(yaw + half), yaw + 2 * half], axis=-1)


@dataclass(frozen=True)
class Motion:
    """Pose (x m, y m, yaw rad) at time `time_s`, then constant speed (m/s, along the heading) and yaw rate (rad/s)."""

    x: float
    y: float
    yaw: float
    speed: float = 0.0
    yaw_rate: float = 0.0
    time_s: float = 0.0

    def at(self, time_s: float | Array) -> Array:
        """Pose at one time or several: [.., 3] of x, y, yaw."""
        return poses_at(np.array([self.x, self.y, self.yaw, self.speed, self.yaw_rate, self.time_s]), time_s)


@dataclass(frozen=True)
class Road:
    """The road's middle line, which is the ego vehicle's path: from the origin along +x with constant curvature (1/m).

    Road coordinates are the distance `s` along it and the distance `n` to its left, in metres.
    """

    curvature: float

    def pose(self, s: float, n: float) -> tuple[float, float, float]:
        """World x, y and the road's heading at road coordinates (s, n)."""
        x, y, yaw = Motion(0.0, 0.0, 0.0, 1.0, self.curvature).at(s)
        return float(x - n * np.sin(yaw)), float(y + n * np.cos(yaw)), float(yaw)

    def coordinates(self, x: NDArray[np.float32], y: NDArray[np.float32]) -> tuple[NDArray, NDArray]:  # type: ignore[type-arg]
        """Road coordinates (s, n) of world points."""
        if abs(self.curvature) < 1e-5:
            return x, y
        radius = np.float32(1 / self.curvature)
        sign = np.float32(np.sign(self.curvature))
        across = sign * (radius - y)
        n = sign * (abs(radius) - np.hypot(x, across))
        s = abs(radius) * np.arctan2(x, across)
        return s.astype(np.float32), n.astype(np.float32)

    def lane_motion(self, s: float, n: float, speed: float, time_s: float, backwards: bool = False) -> Motion:
        """Motion along a lane.

        Args:
            s: distance along the road at `time_s`, metres.
            n: offset of the lane to the left of the road's middle, metres.
            speed: metres per second.
            time_s: time at which the position holds, seconds.
            backwards: whether it drives against the road's direction.
        """
        x, y, yaw = self.pose(s, n)
        curvature = self.curvature / (1 - self.curvature * n)
        turn = speed * curvature
        return Motion(x, y, yaw + np.pi, speed, -turn, time_s) if backwards else Motion(x, y, yaw, speed, turn, time_s)
