"""Predictions as they would be if a known mistake were undone; a mistake is named where undoing it mends the scores."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from labeldistill.evaluation.predictions import Floats, Predictions
from labeldistill.geometry.boxes import heading, quaternion_of_yaw
from labeldistill.geometry.frames import pose_matrix, quaternion_of_matrix, quaternion_product


@dataclass(frozen=True)
class Poses:
    """Poses [S, 4, 4] of the samples in the order of the predictions' tokens, at the LiDAR key frame."""

    ego2global: Floats
    lidar2ego: Floats

    def to_global(self, frame: str) -> Floats:
        """[S, 4, 4] of the frame "ego" or "LiDAR" to global."""
        return self.ego2global if frame == "ego" else np.asarray(self.ego2global @ self.lidar2ego)


@dataclass(frozen=True)
class Undone:
    """What a mistake is called, what to do about it, and the predictions without it."""

    name: str
    advice: str
    predictions: Callable[[], Predictions]


def sizes_undone(found: Predictions) -> Iterator[Undone]:
    """Mistakes in the order of a box's extents; nuScenes wants width, length, height."""
    yield Undone(
        "width and length are swapped",
        "nuScenes' `size` is width, length, height",
        lambda: replace(found, size=found.size[:, [1, 0, 2]]),
    )
    yield Undone(
        "sizes are in another order",
        "nuScenes' `size` is width, length, height; these seem to be height, width, length",
        lambda: replace(found, size=found.size[:, [1, 2, 0]]),
    )


def headings_undone(found: Predictions, poses: Callable[[], Poses]) -> Iterator[Undone]:
    """Mistakes in the headings, those that are known best first: mirrored in some frame, turned, left in a frame.

    With a the heading of a frame's x axis and y the yaw in that frame, a mirrored heading is a - y + c in place of
    a + y, so that 2 a - heading + c undoes it. A mirror in the LiDAR frame is also one in the ego frame with another c.
    """
    turn = heading(found.rotation)
    axes = {frame: partial(_axis, frame, poses, found) for frame in ("LiDAR", "ego", "global")}
    for formula, offset in (
        ("-yaw - pi/2", -np.pi / 2),
        ("-yaw", 0.0),
        ("-yaw + pi/2", np.pi / 2),
        ("pi - yaw", np.pi),
    ):
        for frame, axis in axes.items():
            yield _headings(found, f"yaw is {formula} in the {frame} frame", partial(_mirrored, turn, axis, offset))
    for words, offset in (
        ("a quarter too far", -np.pi / 2),
        ("a quarter short", np.pi / 2),
        ("half a turn off", np.pi),
    ):
        yield _headings(found, f"yaw is {words}", partial(np.add, turn, offset))
    for frame in ("LiDAR", "ego"):
        yield _headings(found, f"yaw is left in the {frame} frame", partial(_turned, turn, axes[frame]))


def _mirrored(turn: Floats, axis: Callable[[], Floats], offset: float) -> Floats:
    return np.asarray(2 * axis() - turn + offset)


def _turned(turn: Floats, axis: Callable[[], Floats]) -> Floats:
    return np.asarray(turn + axis())


def frames_undone(found: Predictions, poses: Callable[[], Poses]) -> Iterator[Undone]:
    """Boxes that were left in the ego or the LiDAR frame."""
    for frame in ("ego", "LiDAR"):
        yield Undone(
            f"boxes are in the {frame} frame",
            "result files are in the global frame: transform centre, rotation and velocity by the sample's pose",
            partial(_moved, found, frame, poses),
        )


def _headings(found: Predictions, name: str, angle: Callable[[], Floats]) -> Undone:
    advice = "yaw is counter-clockwise from +x, 0 heads along +x, in the global frame"
    return Undone(name, advice, lambda: replace(found, rotation=quaternion_of_yaw(angle())))


def _axis(frame: str, poses: Callable[[], Poses], found: Predictions) -> Floats:
    """[n] heading of a frame's x axis in the global frame, for each box."""
    if frame == "global":
        return np.zeros(len(found))
    matrix = poses().to_global(frame)
    return np.asarray(np.arctan2(matrix[:, 1, 0], matrix[:, 0, 0])[found.sample])


def _moved(found: Predictions, frame: str, poses: Callable[[], Poses]) -> Predictions:
    matrix = poses().to_global(frame)
    own, turn = matrix[found.sample], quaternion_of_matrix(matrix[:, :3, :3])[found.sample]
    centre = np.einsum("nij,nj->ni", own[:, :3, :3], found.translation) + own[:, :3, 3]
    speed = np.einsum("nij,nj->ni", own[:, :2, :2], found.velocity)
    return replace(found, translation=centre, rotation=quaternion_product(turn, found.rotation), velocity=speed)


def poses_of(ego: tuple[Floats, Floats], lidar: tuple[Floats, Floats]) -> Poses:
    """Poses from (rotation [S, 4], translation [S, 3]) of the ego vehicle and of the LiDAR on it."""
    return Poses(pose_matrix(*ego), pose_matrix(*lidar))
