"""Boxes: nine numbers in the ego (or BEV) frame, nuScenes' centre/size/rotation in the global frame, conversions.

The nine numbers of a row of `boxes` [n, 9], in this order everywhere:
    x, y, z     centre (not the bottom face), metres
    dx, dy, dz  length along the heading, width, height, metres; nuScenes' `size` is (width, length, height)
    yaw         radians, counter-clockwise from +x, 0 heads along +x
    vx, vy      m/s, in the axes of the same frame
"""

import numpy as np
from numpy.typing import ArrayLike

from labeldistill.geometry.frames import (
    Array,
    quaternion_inverse,
    quaternion_product,
    rotation_matrix,
)

BOX_SIZE = 9
"""Numbers per box."""


def yaw(quaternion: ArrayLike) -> Array:
    """Yaw [...] in (-pi, pi] of quaternions [..., 4], by pyquaternion's `yaw_pitch_roll` rule that the release uses.

    It differs from `heading` by terms of second order in pitch and roll.
    """
    q = np.asarray(quaternion, dtype=np.float64)
    w, x, y, z = np.moveaxis(q / np.linalg.norm(q, axis=-1, keepdims=True), -1, 0)
    return np.asarray(np.arctan2(2 * (w * z - x * y), 1 - 2 * (y * y + z * z)))


def heading(quaternion: ArrayLike) -> Array:
    """Direction [...] in (-pi, pi] of the rotated x axis in the xy plane: the yaw of nuScenes' evaluation."""
    matrix = rotation_matrix(quaternion)
    return np.asarray(np.arctan2(matrix[..., 1, 0], matrix[..., 0, 0]))


def quaternion_of_yaw(angle: ArrayLike) -> Array:
    """Quaternions [..., 4] that turn by `angle` [...] radians about z."""
    half = np.asarray(angle, dtype=np.float64) / 2
    zero = np.zeros_like(half)
    return np.stack([np.cos(half), zero, zero, np.sin(half)], axis=-1)


def wrapped(angle: ArrayLike) -> Array:
    """Angles wrapped into [-pi, pi)."""
    return np.asarray((np.asarray(angle, dtype=np.float64) + np.pi) % (2 * np.pi) - np.pi)


def global_to_ego(
    centre: ArrayLike,
    wlh: ArrayLike,
    rotation: ArrayLike,
    velocity: ArrayLike,
    ego_rotation: ArrayLike,
    ego_translation: ArrayLike,
) -> Array:
    """Boxes [n, 9] in the ego frame of nuScenes boxes in the global frame.

    Args:
        centre: [n, 3] metres.
        wlh: [n, 3] width, length, height, metres.
        rotation: [n, 4] quaternions.
        velocity: [n, 3] m/s; NaN stays NaN.
        ego_rotation: [4] quaternion of the ego pose in the global frame.
        ego_translation: [3] metres.
    """
    global2ego = rotation_matrix(ego_rotation).T
    size = np.asarray(wlh, dtype=np.float64)
    moved = (np.asarray(centre, dtype=np.float64) - np.asarray(ego_translation, dtype=np.float64)) @ global2ego.T
    turned = yaw(quaternion_product(quaternion_inverse(ego_rotation), rotation))
    speed = np.asarray(velocity, dtype=np.float64) @ global2ego.T
    return np.concatenate([moved, size[:, [1, 0, 2]], turned[:, None], speed[:, :2]], axis=1)


def ego_to_global(
    boxes: ArrayLike, ego_rotation: ArrayLike, ego_translation: ArrayLike
) -> tuple[Array, Array, Array, Array]:
    """Boxes [n, 9] of the ego frame as nuScenes boxes: centre [n, 3], wlh [n, 3], rotation [n, 4], velocity [n, 3]."""
    rows = np.asarray(boxes, dtype=np.float64).reshape(-1, BOX_SIZE)
    ego2global = rotation_matrix(ego_rotation)
    centre = rows[:, :3] @ ego2global.T + np.asarray(ego_translation, dtype=np.float64)
    unit = np.asarray(ego_rotation, dtype=np.float64) / np.linalg.norm(ego_rotation)
    rotation = quaternion_product(unit, quaternion_of_yaw(rows[:, 6]))
    speed = np.concatenate([rows[:, 7:9], np.zeros((len(rows), 1))], axis=1) @ ego2global.T
    return centre, rows[:, [4, 3, 5]], rotation, speed


def corners(boxes: ArrayLike) -> Array:
    """Corners [n, 8, 3] of boxes [n, 9] in metres: four of the front face, then four of the back face.

    Each face runs left top, right top, right bottom, left bottom as seen from behind (the devkit's order).
    """
    rows = np.asarray(boxes, dtype=np.float64).reshape(-1, BOX_SIZE)
    x = np.array([1, 1, 1, 1, -1, -1, -1, -1]) / 2
    y = np.array([1, -1, -1, 1, 1, -1, -1, 1]) / 2
    z = np.array([1, 1, -1, -1, 1, 1, -1, -1]) / 2
    local = np.stack([x, y, z], axis=-1)[None] * rows[:, None, 3:6]
    turn = rotation_matrix(quaternion_of_yaw(rows[:, 6]))
    return np.asarray(local @ np.swapaxes(turn, -1, -2) + rows[:, None, :3])
