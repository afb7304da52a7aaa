"""Ray casting of convex parts on a grid of rays with a depth buffer, shared by cameras and LiDAR so that they agree."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeldistill.synthetic.bodies import Bodies
from labeldistill.synthetic.parts import SHADOW

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
_CHUNK = 4096  # rays traced at a time: keeps the temporaries in the cache
_NEAR = np.float32(0.05)


@dataclass
class Hits:
    """What every ray of an [H, W] grid met: distance in units of the ray's direction, part (-1: nothing), face, point.

    `point` [3, H, W] is in the frame of the part's body. `total` [B] counts rays that would meet the body if it
    were alone in the world.
    """

    depth: F32
    part: NDArray[np.int32]
    face: NDArray[np.int8]
    point: F32
    total: NDArray[np.int64]

    @classmethod
    def empty(cls, height: int, width: int, bodies: int) -> "Hits":
        """Nothing met yet."""
        return cls(
            np.full((height, width), np.inf, np.float32),
            np.full((height, width), -1, np.int32),
            np.zeros((height, width), np.int8),
            np.zeros((3, height, width), np.float32),
            np.zeros(bodies, np.int64),
        )


@dataclass(frozen=True)
class View:
    """A body seen from a sensor: rotation [3, 3] and origin [3] that bring rays into the body's frame."""

    rotation: F32
    origin: F32


def _intersect(planes: F32, origin: F32, rays: F32) -> tuple[F32, NDArray[np.int64]]:
    """Entry distance (inf: missed) and face of rays [3, n] with parts [P, 6, 4]: two arrays [P, n]."""
    flat = planes.reshape(-1, 4)
    along = flat[:, 0:1] * rays[0] + flat[:, 1:2] * rays[1] + flat[:, 2:3] * rays[2]
    height = flat[:, 3] - flat[:, :3] @ origin
    along = np.where(along == 0, np.float32(1e-12), along)
    distance = (height[:, None] / along).reshape(-1, 6, rays.shape[1])
    entering = along.reshape(distance.shape) < 0
    enter = np.where(entering, distance, -np.inf)
    leave = np.where(entering, np.inf, distance).min(1)
    face = enter.argmax(1)
    enter = enter.max(1)
    hit = (enter < leave) & (enter > _NEAR)
    return np.where(hit, enter, np.float32(np.inf)).astype(np.float32), face


@dataclass(frozen=True)
class _Met:
    """What the rays [3, n] of a block meet of one body's parts: distances and entered faces, [P, n] each."""

    rays: F32
    distance: F32
    face: NDArray[np.int64]

    @property
    def nearest(self) -> tuple[NDArray[np.int64], F32]:
        """Index of the nearest part and its distance (inf: none), [n] each."""
        return self.distance.argmin(0), self.distance.min(0)


def _composite(hits: Hits, met: _Met, first: int, window: tuple[slice, slice], origin: F32) -> None:
    """Store what lies nearer than the content of the buffers; `first` is the number of the first part."""
    nearest, depth = met.nearest
    closer = (depth < hits.depth[window].reshape(-1)) & np.isfinite(depth)
    if not closer.any():
        return
    closer_2d = closer.reshape(hits.depth[window].shape)
    picked = nearest[closer]
    hits.depth[window][closer_2d] = depth[closer]
    hits.part[window][closer_2d] = picked + first
    hits.face[window][closer_2d] = met.face[picked, np.flatnonzero(closer)]
    points = origin[:, None] + depth[closer] * met.rays[:, closer]
    for axis in range(3):
        hits.point[axis][window][closer_2d] = points[axis]


def trace_body(
    hits: Hits, bodies: Bodies, body: int, view: View, directions: F32, window: tuple[slice, slice], shadows: bool
) -> None:
    """Trace one body inside a window of the grid of rays.

    Args:
        hits: buffers to update.
        bodies: all bodies.
        body: number of the body.
        view: the body as seen from the sensor.
        directions: [3, H, W] ray directions in the sensor's frame.
        window: rows and columns of the grid that can meet the body.
        shadows: whether the shadow part is traced.
    """
    first, last = int(bodies.first[body]), int(bodies.first[body + 1])
    chosen = np.arange(first, last)
    if not shadows:
        chosen = chosen[bodies.surface[first:last] != SHADOW]
    # Parts of a body are numbered consecutively with a shadow last, so `first + index` identifies the part.
    planes = bodies.planes[chosen]
    solid = bodies.surface[chosen] != SHADOW
    rows, columns = window
    step = max(1, _CHUNK // max(1, columns.stop - columns.start))
    for row in range(rows.start, rows.stop, step):
        block = (slice(row, min(row + step, rows.stop)), columns)
        grid = directions[:, block[0], block[1]].reshape(3, -1)
        m = view.rotation
        rays = m[:, 0:1] * grid[0] + m[:, 1:2] * grid[1] + m[:, 2:3] * grid[2]
        met = _Met(rays, *_intersect(planes, view.origin, rays))
        nearest, depth = met.nearest
        hits.total[body] += int((np.isfinite(depth) & solid[nearest]).sum())
        _composite(hits, met, first, block, view.origin)


def views(poses: F64, sensor_rotation: F64, sensor_origin: F64) -> list[View]:
    """Every body's view from a sensor whose pose in the scene is given; `poses` [B, 3] are x, y, yaw."""
    to_body = np.zeros((len(poses), 3, 3))
    to_body[:, 0, 0] = to_body[:, 1, 1] = np.cos(poses[:, 2])
    to_body[:, 0, 1] = np.sin(poses[:, 2])
    to_body[:, 1, 0] = -to_body[:, 0, 1]
    to_body[:, 2, 2] = 1
    offset = sensor_origin - np.column_stack([poses[:, :2], np.zeros(len(poses))])
    rotations = np.einsum("bij,jk->bik", to_body, sensor_rotation).astype(np.float32)
    origins = np.einsum("bij,bj->bi", to_body, offset).astype(np.float32)
    return [View(rotation, origin) for rotation, origin in zip(rotations, origins, strict=True)]
