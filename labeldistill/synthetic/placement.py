"""Where objects of a class are placed (lanes, kerbs, pavements, crossings, rows), drawn in road coordinates."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from labeldistill.synthetic.facts import FACTS
from labeldistill.synthetic.motion import Motion, Road

LANES = ((0.0, False), (-3.5, False), (3.5, True), (7.0, True))
"""Offset (m, left positive) of every lane's middle, and whether it is driven against the ego's direction."""
KERBS = (-6.6, 10.1)
_PAVEMENTS = ((-11.5, -8.2), (11.6, 15.0))

Place = tuple[Motion, bool, bool]
"""Motion, whether it moves, whether it stands in a lane."""


class Placement:
    """Draws motions for the objects of a scene."""

    def __init__(self, road: Road, path_m: float, span_s: float, reach: float, rng: Generator) -> None:
        """Prepare the placement for one scene.

        Args:
            road: the road.
            path_m: length of the ego's path, metres.
            span_s: duration of the scene, seconds.
            reach: largest distance from the ego's path, metres.
            rng: random numbers of the scene.
        """
        self.road, self.path_m, self.span_s, self.reach, self.rng = road, path_m, span_s, reach, rng

    def _s(self) -> float:
        return float(self.rng.uniform(-0.85 * self.reach, self.path_m + 0.85 * self.reach))

    def _time(self) -> float:
        return float(self.rng.uniform(0, self.span_s))

    def draw(self, name: str, moving: bool) -> Place:
        """A motion for one object of a class."""
        if name in ("barrier", "traffic_cone"):
            return self._roadworks()
        if name == "pedestrian":
            return self._on_foot(name, self._speed(name) if moving else 0.0)
        if name in ("bicycle", "motorcycle"):
            return self._cycle(name, self._speed(name) if moving else 0.0)
        return self._vehicle(name, self._speed(name) if moving else 0.0)

    def _pick(self, choices: list[tuple[float, Callable[[], Place]]]) -> Place:
        weights = np.array([weight for weight, _ in choices])
        return choices[int(self.rng.choice(len(choices), p=weights / weights.sum()))][1]()

    def _speed(self, name: str) -> float:
        return float(self.rng.uniform(*FACTS[name].speed_mps))

    def _in_lane(self, speed: float) -> Place:
        offset, backwards = LANES[int(self.rng.integers(len(LANES)))]
        n = offset + float(self.rng.normal(0, 0.2))
        return self.road.lane_motion(self._s(), n, speed, self._time(), backwards), speed > 0, True

    def _at_kerb(self) -> Place:
        side = int(self.rng.integers(2))
        x, y, yaw = self.road.pose(self._s(), KERBS[side] + float(self.rng.normal(0, 0.2)))
        turned = np.pi * ((side == 1) != (self.rng.random() < 0.1))
        return Motion(x, y, yaw + turned + float(self.rng.normal(0, 0.06))), False, False

    def _anywhere(self, name: str, speed: float) -> Place:
        """Any heading, left or right of the road; crossing or turning when it moves."""
        side = 1 if self.rng.random() < 0.5 else -1
        least = 2.0 + FACTS[name].size_m[1] / 2  # else long vehicles at the ego's elbow fill half the images
        n = side * float(self.rng.uniform(least, 0.85 * self.reach))
        x, y, _ = self.road.pose(self._s(), n)
        turn = float(self.rng.uniform(-0.3, 0.3)) if speed > 1.5 else 0.0
        return Motion(x, y, float(self.rng.uniform(-np.pi, np.pi)), speed, turn, self._time()), speed > 0, False

    def _vehicle(self, name: str, speed: float) -> Place:
        if speed > 0:
            return self._pick([(0.65, lambda: self._in_lane(speed)), (0.35, lambda: self._anywhere(name, speed))])
        return self._pick(
            [(0.2, lambda: self._in_lane(0.0)), (0.4, self._at_kerb), (0.4, lambda: self._anywhere(name, 0.0))]
        )

    def _cycle(self, name: str, speed: float) -> Place:
        if speed == 0:
            return self._pick([(0.7, lambda: self._on_pavement(0.0)), (0.3, lambda: self._anywhere(name, 0.0))])
        return self._pick([(0.6, lambda: self._in_lane(speed)), (0.4, lambda: self._anywhere(name, speed))])

    def _on_foot(self, name: str, speed: float) -> Place:
        return self._pick([(0.6, lambda: self._on_pavement(speed)), (0.4, lambda: self._anywhere(name, speed))])

    def _on_pavement(self, speed: float) -> Place:
        low, high = _PAVEMENTS[int(self.rng.integers(2))]
        x, y, yaw = self.road.pose(self._s(), float(self.rng.uniform(low, high)))
        if speed == 0:
            yaw = float(self.rng.uniform(-np.pi, np.pi))
        heading = yaw + np.pi * int(self.rng.integers(2)) + float(self.rng.normal(0, 0.2))
        return Motion(x, y, heading, speed, 0.0, self._time()), speed > 0, False

    def _roadworks(self) -> Place:
        n = float(self.rng.uniform(2.0, 12.0)) * (1 if self.rng.random() < 0.5 else -1)
        x, y, yaw = self.road.pose(self._s(), n)
        heading = yaw + (np.pi / 2) * int(self.rng.integers(4)) + float(self.rng.normal(0, 0.15))
        return Motion(x, y, heading), False, False


def row_of(first: Motion, count: int, spacing: float) -> list[Motion]:
    """`count` motions side by side to the left of the first, `spacing` m apart, all moving alike."""
    side = np.array([-np.sin(first.yaw), np.cos(first.yaw)])
    return [
        Motion(first.x + k * spacing * side[0], first.y + k * spacing * side[1], first.yaw, first.speed,
               first.yaw_rate, first.time_s)
        for k in range(count)
    ]  # fmt: skip
