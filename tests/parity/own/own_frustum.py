"""05e: the full-size frustum in metres, by projecting backwards with NumPy in float64, and the number of points per
cell.

The cameras are our own: six around the car, each with its own focal length, image and BEV augmentation.
"""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

HEIGHT, WIDTH, STRIDE = 256, 704, 16
BINS, FIRST_M, STEP_M = 112, 2.0, 0.5
LOW, CELL_M, CELLS = (-51.2, -51.2, -5.0), (0.8, 0.8, 8.0), (128, 128, 1)
Matrix = NDArray[np.float64]


def _camera(number: int) -> tuple[Matrix, Matrix, Matrix]:
    """Camera to ego, intrinsics, image augmentation: a pinhole that looks along its own heading, then a crop."""
    heading, tilt = math.radians(60 * number + 7), 0.02 * (number - 2.5)
    forward = np.array([math.cos(heading) * math.cos(tilt), math.sin(heading) * math.cos(tilt), math.sin(tilt)])
    right = np.array([math.sin(heading), -math.cos(heading), 0.0])
    to_ego, intrinsics, augmented = np.eye(4), np.eye(4), np.eye(4)
    to_ego[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    to_ego[:3, 3] = 1.5 * forward[0], 1.2 * forward[1], 1.6
    intrinsics[[0, 1, 0, 1], [0, 1, 2, 2]] = 1200 + 20 * number, 1210 + 20 * number, 810 + number, 480 - number
    turn, scale = math.radians(number - 2), 0.42 + 0.03 * number
    augmented[:2, :2] = scale * np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    augmented[0, :2] *= -1 if number % 2 else 1
    augmented[:2, 3] = (700 if number % 2 else -3), -170
    return to_ego, intrinsics, augmented


def _bev_augmentation() -> Matrix:
    angle, bda = math.radians(11), np.eye(4)
    bda[:2, :2] = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    bda[:3, :3] *= 0.98
    bda[1] *= -1
    return bda


def _pixels() -> Matrix:
    """[D, h, w, 4] u, v, depth, 1: cells spread evenly over 0..W-1 and 0..H-1, lower edges of the bins."""
    rows, columns = HEIGHT // STRIDE, WIDTH // STRIDE
    points = np.ones((BINS, rows, columns, 4))
    points[..., 0] = np.arange(columns) * (WIDTH - 1) / (columns - 1)
    points[..., 1] = (np.arange(rows) * (HEIGHT - 1) / (rows - 1))[:, None]
    points[..., 2] = (FIRST_M + STEP_M * np.arange(BINS))[:, None, None]
    return points


def _rounded(matrix: Matrix) -> Matrix:
    """To float32: the points are computed from what is recorded."""
    return matrix.astype(np.float32).astype(np.float64)


def full_frustum() -> dict[str, Any]:
    """Points, and their histogram with indices truncated toward zero, as released."""
    pixels, bda = _pixels(), _rounded(_bev_augmentation())
    cameras = [tuple(map(_rounded, _camera(number))) for number in range(6)]
    geometry, histogram = [], np.zeros((CELLS[1], CELLS[0]), np.int32)
    for to_ego, intrinsics, augmented in cameras:
        points = pixels @ np.linalg.inv(augmented).T
        points[..., :2] *= points[..., 2:3]
        points = (points @ (bda @ to_ego @ np.linalg.inv(intrinsics)).T)[..., :3]
        geometry.append(points)
        x, y, z = np.trunc((points - LOW) / CELL_M).reshape(-1, 3).T.astype(int)
        inside = (x >= 0) & (x < CELLS[0]) & (y >= 0) & (y < CELLS[1]) & (z >= 0) & (z < CELLS[2])
        edges = [np.arange(n + 1) for n in (CELLS[1], CELLS[0])]
        histogram += np.histogram2d(y[inside], x[inside], edges)[0].astype(np.int32)
    names = ("sensor2ego_mats", "intrin_mats", "ida_mats")
    mats = {name: np.stack(of_all)[None, None] for name, of_all in zip(names, zip(*cameras, strict=True), strict=True)}
    mats |= {"sensor2sensor_mats": np.tile(np.eye(4), (1, 1, 6, 1, 1)), "bda_mat": bda[None]}
    return {
        "mats": {name: torch.from_numpy(matrix).float() for name, matrix in mats.items()},
        "frustum_shape": list(pixels.shape),
        "frustum_corners": torch.from_numpy(pixels[::37, ::5, ::14]).float(),
        "geom_sample": torch.from_numpy(np.stack(geometry)[None, :, ::16, ::5, ::11].copy()).float(),
        "voxel_hist": torch.from_numpy(histogram),
        "kept": int(histogram.sum()),
    }
