"""09b: image, depth and BEV augmentation and the projection of points, each by its own arithmetic.

Resizing is Pillow's own bicubic, by definition; crop, mirror and rotation are read off pixel by pixel.
"""

import cmath
import math
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from own_boxes import Quaternion, turned
from own_nets import normal
from PIL import Image

SOURCE_PX, INPUT_PX = (40, 64), (16, 32)  # height, width
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # R, G, B
# resize, left and top of the crop, mirrored, degrees
CHANGES = [(0.5, 0, 0, False, 0), (0.55, 2, 5, True, 0), (0.75, 9, 12, False, 5.4), (0.6, -4, -3, True, -4.7)]
BEV_CHANGES = [(0, 1.0, False, False), (15.0, 1.04, True, False), (-22.0, 0.96, False, True), (7.5, 1.0, True, True)]
Bytes = NDArray[np.uint8]


def _pixels(source: Bytes, resized: tuple[int, int], left: int, top: int, flip: bool, degrees: float) -> Bytes:
    """Each pixel of the input taken from the resized image: rotation and mirror undone, black outside."""
    image, (height, width) = np.asarray(Image.fromarray(source).resize(resized)), INPUT_PX
    out, turn = np.zeros((height, width, 3), np.uint8), cmath.exp(1j * math.radians(degrees))
    middle = complex(width, height) / 2
    for row, column in np.ndindex(height, width):
        place = (complex(column + 0.5, row + 0.5) - middle) * turn + middle
        u, v = math.floor(place.real), math.floor(place.imag)
        if not (0 <= u < width and 0 <= v < height):
            continue  # rotated in from outside of the crop
        u = (width - 1 - u if flip else u) + left
        v += top
        if 0 <= u < resized[0] and 0 <= v < resized[1]:
            out[row, column] = image[v, u]
    return out


def _moved(point: Any, resize: float, left: int, top: int, flip: bool, degrees: float) -> complex:
    """Where a pixel of the original image goes."""
    middle = complex(INPUT_PX[1], INPUT_PX[0]) / 2
    place = complex(float(point[0]) * resize - left, float(point[1]) * resize - top)
    if flip:
        place = complex(INPUT_PX[1] - place.real, place.imag)
    return (place - middle) * cmath.exp(-1j * math.radians(degrees)) + middle


def _depth_map(points: NDArray[np.float32], change: tuple[Any, ...]) -> NDArray[np.float32]:
    """Truncated toward zero, the last point of a pixel wins."""
    out = np.zeros(INPUT_PX, np.float32)
    for point in points:
        place = _moved(point, *change)
        u, v = int(place.real), int(place.imag)
        if 0 <= u < INPUT_PX[1] and 0 <= v < INPUT_PX[0]:
            out[v, u] = point[2]
    return out


def _image(source: Bytes, change: tuple[Any, ...], rng: Generator) -> dict[str, Any]:
    resize, left, top, flip, degrees = change
    resized = (int(SOURCE_PX[1] * resize), int(SOURCE_PX[0] * resize))
    pixels = _pixels(source, resized, left, top, flip, degrees)
    mean, std = (np.asarray(values, np.float32).astype(np.float64) for values in (MEAN, STD))
    points = rng.uniform((-3, -3, 2), (SOURCE_PX[1] + 3, SOURCE_PX[0] + 3, 58), (120, 3)).astype(np.float32)
    origin, right, down = (_moved(corner, *change) for corner in ((0, 0), (1, 0), (0, 1)))
    matrix = np.eye(4)
    matrix[:2, 0] = (right - origin).real, (right - origin).imag
    matrix[:2, 1] = (down - origin).real, (down - origin).imag
    matrix[:2, 3] = origin.real, origin.imag
    return {
        "resize": resize, "resize_dims": list(resized), "flip": flip, "rotate": degrees,
        "crop": [left, top, left + INPUT_PX[1], top + INPUT_PX[0]],
        "out_rgb": torch.from_numpy(pixels),
        "ida_mat": torch.from_numpy(matrix).float(),
        "points": torch.from_numpy(points),
        "depth_map": torch.from_numpy(_depth_map(points, change)),
        # blue first, under the statistics of red first: as released
        "normalized": torch.from_numpy(((pixels[..., ::-1] - mean) / std).astype(np.float32)),
    }  # fmt: skip


def _bev(rng: Generator, degrees: float, scale: float, flip_x: bool, flip_y: bool) -> dict[str, Any]:
    """Rotate, scale, then mirror x and y; a heading is turned and mirrored likewise, sizes are scaled."""

    def moved(x: float, y: float) -> tuple[float, float]:
        place = complex(x, y) * cmath.exp(1j * math.radians(degrees)) * scale
        return (-place.real if flip_x else place.real), (-place.imag if flip_y else place.imag)

    boxes, out = normal(rng, 4, 9), []
    for x, y, z, dx, dy, dz, yaw, vx, vy in boxes.double().tolist():
        yaw += math.radians(degrees)
        yaw = math.pi - yaw if flip_x else yaw
        yaw = -yaw if flip_y else yaw
        out.append([*moved(x, y), z * scale, dx * scale, dy * scale, dz * scale, yaw, *moved(vx, vy)])
    matrix = torch.eye(3).double() * scale
    matrix[:2, 0], matrix[:2, 1] = torch.tensor(moved(1, 0)), torch.tensor(moved(0, 1))
    told = {"rotate": degrees, "scale": scale, "flip_dx": flip_x, "flip_dy": flip_y}
    return {**told, "gt": boxes, "out": torch.tensor(out), "rot_mat": matrix.float()}


def _pose(w: float, x: float, y: float, z: float, *translation: float) -> dict[str, Any]:
    length = math.hypot(w, x, y, z)
    return {"rotation": [part / length for part in (w, x, y, z)], "translation": list(translation)}


CAMERA = {
    "calibrated_sensor": _pose(0.5, -0.51, 0.49, -0.5, 1.7, 0.1, 1.5)
    | {"camera_intrinsic": [[60.0, 0.0, 33.0], [0.0, 61.0, 19.0], [0.0, 0.0, 1.0]]},
    "ego_pose": _pose(-0.75, -0.01, 0.02, -0.66, 30.5, 12.0, 0.2),
    "height": SOURCE_PX[0],
    "width": SOURCE_PX[1],
    "filename": "front.jpg",
    "timestamp": 0,
}
LIDAR = {
    "calibrated_sensor": _pose(0.7, -0.01, 0.02, -0.71, 0.9, 0.0, 1.8),
    "ego_pose": _pose(-0.751, -0.012, 0.018, -0.657, 30.1, 11.8, 0.2),
    "filename": "top.bin",
    "timestamp": 0,
}


def _projected(point: Any) -> tuple[float, float, float]:
    """Pixel and depth of a point of the LiDAR's frame."""
    place = tuple(map(float, point))
    for part in ("calibrated_sensor", "ego_pose"):
        pose: Any = LIDAR[part]
        place = tuple(a + b for a, b in zip(turned(pose["rotation"], place), pose["translation"], strict=True))
    for part in ("ego_pose", "calibrated_sensor"):
        pose = CAMERA[part]
        w, x, y, z = pose["rotation"]
        back: Quaternion = (w, -x, -y, -z)
        place = turned(back, [a - b for a, b in zip(place, pose["translation"], strict=True)])
    (fx, _, cx), (_, fy, cy), _ = CAMERA["calibrated_sensor"]["camera_intrinsic"]  # type: ignore[index]
    return fx * place[0] / place[2] + cx, fy * place[1] / place[2] + cy, place[2]


def _projection(rng: Generator) -> dict[str, Any]:
    points = rng.uniform((-25, -25, -2, 0), (25, 25, 3, 255), (2000, 4)).astype(np.float32)
    found = [_projected(point[:3]) for point in points]
    height, width = SOURCE_PX
    seen = np.array([(u, v, d) for u, v, d in found if d > 0 and 1 < u < width - 1 and 1 < v < height - 1]).T
    assert any(d > 0 and 0 < u <= 1 and 1 < v < height - 1 for u, v, d in found), "none on the border"
    pixels = np.stack([seen[0], seen[1], np.ones(seen.shape[1])])
    return {
        "points": torch.from_numpy(points), "cam": "CAM_FRONT", "info_index": 0, "pts_img": torch.from_numpy(pixels),
        "depth": torch.from_numpy(seen[2]).float(),
    }  # fmt: skip


def dataset_functions() -> dict[str, Any]:
    """Crops into and beyond the image, mirrors and rotations; points before, behind and beside the camera."""
    rng = np.random.default_rng(9)
    source = rng.integers(0, 256, (*SOURCE_PX, 3), dtype=np.uint8)
    return {
        "src_rgb": torch.from_numpy(source),
        "img_cases": [_image(source, change, rng) for change in CHANGES],
        "bev_cases": [_bev(rng, *change) for change in BEV_CHANGES],
        "map_pointcloud_to_image": _projection(rng),
    }


def infos() -> dict[str, Any]:
    """The one info that the projection looks its sensors up in."""
    return {"infos": [{"lidar_infos": {"LIDAR_TOP": LIDAR}, "cam_infos": {"CAM_FRONT": CAMERA}}]}
