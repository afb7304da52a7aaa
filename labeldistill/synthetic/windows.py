"""Which rays of a sensor can meet a body: a window of pixels, or of LiDAR beams and azimuths."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Window = tuple[slice, slice]
Bounds = tuple[NDArray[np.float32], NDArray[np.float32]]
_NEAR = 0.05
_CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
_EDGES = np.array([(a, b) for a in range(8) for b in range(a + 1, 8) if np.abs(_CORNERS[a] - _CORNERS[b]).sum() == 1])


def camera_windows(
    bounds: Bounds, poses: F64, camera: tuple[F64, F64], intrinsics: F64, size: tuple[int, int]
) -> Iterator[tuple[int, Window]]:
    """Bodies in front of a camera with the pixel window that holds them (bounds cut at the near plane).

    Args:
        bounds: least and greatest x, y, z of every body in its frame, [B, 3] each.
        poses: x, y, yaw of every body [B, 3].
        camera: rotation [3, 3] and origin [3] that bring camera points into the scene.
        intrinsics: [3, 3] of the traced grid.
        size: rows and columns of the traced grid.
    """
    (low, high), (rotation, origin) = bounds, camera
    local = low[:, None] + _CORNERS * (high - low)[:, None]
    c, s = np.cos(poses[:, 2:3]), np.sin(poses[:, 2:3])
    x = c * local[..., 0] - s * local[..., 1] + poses[:, 0:1]
    y = s * local[..., 0] + c * local[..., 1] + poses[:, 1:2]
    corners = (np.stack([x, y, local[..., 2]], -1) - origin) @ rotation
    start, end = corners[:, _EDGES[:, 0]], corners[:, _EDGES[:, 1]]
    visible = (start[..., 2] > _NEAR) | (end[..., 2] > _NEAR)
    with np.errstate(divide="ignore", invalid="ignore"):
        cut = np.clip((_NEAR - start[..., 2]) / (end[..., 2] - start[..., 2]), 0, 1)
    crossing = start + np.nan_to_num(cut)[..., None] * (end - start)
    start = np.where(start[..., 2:] > _NEAR, start, crossing)
    end = np.where(end[..., 2:] > _NEAR, end, crossing)
    points = np.concatenate([start, end], 1)
    shown = np.concatenate([visible, visible], 1)
    depth = np.maximum(points[..., 2], _NEAR)
    u = intrinsics[0, 0] * points[..., 0] / depth + intrinsics[0, 2]
    v = intrinsics[1, 1] * points[..., 1] / depth + intrinsics[1, 2]
    for body in np.flatnonzero(shown.any(1)):
        inside = shown[body]
        window = (_span(v[body][inside], size[0]), _span(u[body][inside], size[1]))
        if all(part.stop > part.start for part in window):
            yield int(body), window


def _span(values: F64, limit: int) -> slice:
    low = int(np.clip(np.floor(values.min()), 0, limit))
    high = int(np.clip(np.ceil(values.max()) + 1, 0, limit))
    return slice(low, high)


@dataclass(frozen=True)
class Fan:
    """The beams of one LiDAR revolution.

    Attributes:
        yaw: of the sensor in the scene, rad.
        elevations: of the beams, ascending, rad.
        azimuths: columns of a revolution; column k looks along `phase + 2 pi k / azimuths` in the sensor's frame.
        phase: azimuth of the first column, rad.
    """

    yaw: float
    elevations: F64
    azimuths: int
    phase: float


def lidar_windows(bounds: Bounds, poses: F64, origin: F64, fan: Fan, range_m: float) -> Iterator[tuple[int, Window]]:
    """Bodies in range of a level LiDAR with windows of (beams, azimuths); one across the seam gives two.

    Args:
        bounds: least and greatest x, y, z of every body in its frame, [B, 3] each.
        poses: x, y, yaw of every body [B, 3].
        origin: the sensor's place in the scene [3].
        fan: its beams.
        range_m: range of the LiDAR, metres.
    """
    low, high = bounds
    c, s = np.cos(poses[:, 2]), np.sin(poses[:, 2])
    dx, dy = origin[0] - poses[:, 0], origin[1] - poses[:, 1]
    own = np.stack([c * dx + s * dy, -s * dx + c * dy], 1)  # the sensor in every body's frame
    nearest = np.linalg.norm(np.maximum(np.maximum(low[:, :2] - own, own - high[:, :2]), 0), axis=1)
    corners = low[:, None, :2] + _CORNERS[::2, :2] * (high - low)[:, None, :2] - own[:, None]
    farthest = np.linalg.norm(corners, axis=-1).max(1)
    bearing = np.arctan2(corners[..., 1], corners[..., 0])
    middle = np.arctan2(*((low + high)[:, 1::-1] / 2 - own[:, ::-1]).T)
    spread = (bearing - middle[:, None] + np.pi) % (2 * np.pi) - np.pi
    top, bottom = high[:, 2] - origin[2], low[:, 2] - origin[2]
    near = np.maximum(nearest, 1e-3)
    up = np.arctan2(top, np.where(top > 0, near, farthest))
    down = np.arctan2(bottom, np.where(bottom > 0, farthest, near))
    step = 2 * np.pi / fan.azimuths
    for body in np.flatnonzero(nearest < range_m):
        rows = slice(*np.searchsorted(fan.elevations, [down[body] - 1e-4, up[body] + 1e-4]))
        if rows.stop <= rows.start:
            continue
        centre = middle[body] + poses[body, 2] - fan.yaw - fan.phase
        first = int(np.floor((centre + spread[body].min()) / step))
        count = min(int(np.ceil((centre + spread[body].max()) / step)) - first + 1, fan.azimuths)
        first %= fan.azimuths
        yield int(body), (rows, slice(first, min(first + count, fan.azimuths)))
        if first + count > fan.azimuths:
            yield int(body), (rows, slice(0, first + count - fan.azimuths))
