"""Frames, quaternions and poses. This file and `boxes.py` are the only places where a convention is written down.

Frames (all right-handed, metres):
    global  nuScenes' map frame, z up.
    ego     the vehicle at one moment: x forward, y left, z up, origin on the ground below the rear axle.
    sensor  LIDAR_TOP: x right, y forward, z up. Cameras: x right, y down, z along the optical axis.
    image   u to the right and v down in pixels of the original image, (0, 0) at the top left.
    BEV     the ego frame after the BEV augmentation; a BEV map's rows are y and its columns are x, both ascending.

Quaternions are (w, x, y, z) and need not be of unit length: every function normalises. A pose of frame A in frame B
(rotation, translation) takes a point of A to B: `p_B = R p_A + t`; its 4 x 4 matrix is named `a2b`.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def rotation_matrix(quaternion: ArrayLike) -> Array:
    """Rotation matrices [..., 3, 3] of quaternions [..., 4]."""
    q = np.asarray(quaternion, dtype=np.float64)
    w, x, y, z = np.moveaxis(q / np.linalg.norm(q, axis=-1, keepdims=True), -1, 0)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def quaternion_of_matrix(matrix: ArrayLike) -> Array:
    """Unit quaternions [..., 4] with w >= 0 of rotation matrices [..., 3, 3]."""
    from scipy.spatial.transform import Rotation  # 0.3 s that what only reads results need not wait for

    m = np.asarray(matrix, dtype=np.float64)
    xyzw = np.asarray(Rotation.from_matrix(m.reshape(-1, 3, 3)).as_quat(), dtype=np.float64)
    q = xyzw[:, [3, 0, 1, 2]] * np.where(xyzw[:, 3:] < 0, -1.0, 1.0)
    return np.asarray(q.reshape(*m.shape[:-2], 4))


def quaternion_product(first: ArrayLike, second: ArrayLike) -> Array:
    """Hamilton product [..., 4]: the rotation `second` followed by `first`."""
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    aw, ax, ay, az = np.moveaxis(a, -1, 0)
    bw, bx, by, bz = np.moveaxis(b, -1, 0)
    return np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        axis=-1,
    )


def quaternion_inverse(quaternion: ArrayLike) -> Array:
    """The opposite rotations [..., 4], of unit length."""
    q = np.asarray(quaternion, dtype=np.float64)
    return np.asarray(q * np.array([1.0, -1.0, -1.0, -1.0]) / np.linalg.norm(q, axis=-1, keepdims=True))


def pose_matrix(rotation: ArrayLike, translation: ArrayLike) -> Array:
    """4 x 4 matrices [..., 4, 4] of quaternions [..., 4] and translations [..., 3] in metres."""
    t = np.asarray(translation, dtype=np.float64)
    matrix = np.zeros((*t.shape[:-1], 4, 4))
    matrix[..., :3, :3] = rotation_matrix(rotation)
    matrix[..., :3, 3] = t
    matrix[..., 3, 3] = 1.0
    return matrix


def inverse_pose(matrix: NDArray[Any]) -> NDArray[Any]:
    """Inverse of rigid 4 x 4 matrices [..., 4, 4] (transposed rotation), in the precision of the input."""
    inverse = np.zeros_like(matrix)
    transposed = np.swapaxes(matrix[..., :3, :3], -1, -2)
    inverse[..., :3, :3] = transposed
    inverse[..., :3, 3] = -(transposed @ matrix[..., :3, 3:])[..., 0]
    inverse[..., 3, 3] = 1.0
    return inverse


def transformed(matrix: ArrayLike, points: ArrayLike) -> Array:
    """Points [..., n, 3] transformed by 4 x 4 matrices [..., 4, 4]."""
    m = np.asarray(matrix, dtype=np.float64)
    return np.asarray(points, dtype=np.float64) @ np.swapaxes(m[..., :3, :3], -1, -2) + m[..., None, :3, 3]


def mean_pose(rotations: ArrayLike, translations: ArrayLike) -> tuple[Array, Array]:
    """Component-wise mean [..., 4], [..., 3] over axis -2 of quaternions [..., n, 4] and translations [..., n, 3].

    The mean quaternion is not normalised and q, -q cancel, as in the released code (nusc_det_dataset_lidar.py,
    `get_gt`); `nuscenes.key_frames` gives all cameras of a sample quaternions of one sign.
    """
    return np.asarray(rotations, dtype=np.float64).mean(axis=-2), np.asarray(translations, dtype=np.float64).mean(-2)
