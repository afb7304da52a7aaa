"""LiDAR points projected into the key frame's images, and their depth maps in the network's input image."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeldistill.data.augmentation import ImageAugmentation
from labeldistill.geometry.frames import rotation_matrix

Float32 = NDArray[np.float32]
Pose = tuple[Any, Any]
"""Quaternion [4] and translation [3] in metres."""


def project(
    points: Float32,
    lidar_sensor: Pose,
    lidar_ego: Pose,
    camera_sensor: Pose,
    camera_ego: Pose,
    intrinsics: NDArray[np.float64],
    size_px: tuple[int, int],
) -> Float32:
    """Project a LiDAR cloud into a camera image.

    The cloud goes through the global frame in float32, as in the released code (`map_pointcloud_to_image`). Points
    behind the camera, and points within one pixel of the image's border or beyond it, are left out.

    Args:
        points: [n, >= 3] x, y, z in the LiDAR's frame, metres.
        lidar_sensor: pose of the LiDAR in its ego frame.
        lidar_ego: ego pose in the global frame at the time of the cloud.
        camera_sensor: pose of the camera in its ego frame.
        camera_ego: ego pose in the global frame at the time of the image.
        intrinsics: [9] pinhole matrix row by row, pixels.
        size_px: height, width of the image.

    Returns:
        [m, 3] u, v in pixels of the original image, and depth in metres.
    """
    xyz = points[:, :3].T.copy()
    for rotation, translation in (lidar_sensor, lidar_ego):
        xyz = (rotation_matrix(rotation) @ xyz).astype(np.float32)
        xyz = (xyz + np.asarray(translation)[:, None]).astype(np.float32)
    for rotation, translation in (camera_ego, camera_sensor):
        xyz = (xyz - np.asarray(translation)[:, None]).astype(np.float32)
        xyz = (rotation_matrix(rotation).T @ xyz).astype(np.float32)
    depth = xyz[2]
    with np.errstate(divide="ignore", invalid="ignore"):
        pixels = intrinsics.reshape(3, 3) @ xyz
        u, v = pixels[0] / pixels[2], pixels[1] / pixels[2]
    height, width = size_px
    seen = (depth > 0) & (u > 1) & (u < width - 1) & (v > 1) & (v < height - 1)
    return np.asarray(np.stack([u[seen], v[seen], depth[seen]], axis=1), dtype=np.float32)


def depth_map(
    points: Float32, augmentation: ImageAugmentation, size_px: tuple[int, int], *, released_pixels: bool = True
) -> Float32:
    """Depth map [H, W] in metres (0: no point) of projected points [m, 3] under an image augmentation.

    Args:
        points: u, v in pixels of the original image, depth in metres.
        augmentation: the augmentation of the image.
        size_px: height, width of the map.
        released_pixels: True truncates coordinates toward zero (those in (-1, 0) fall into row or column 0) and
            keeps the last point of a pixel, as the released `depth_transform`; False takes (0, 0) as the CENTRE of
            the first pixel, rounds down, and keeps the nearest point.
    """
    height, width = size_px
    moved = points.astype(np.float32)  # a copy
    if not released_pixels:
        moved[:, :2] += 0.5
        moved = moved[np.argsort(-moved[:, 2], kind="stable")]
    moved[:, :2] *= np.float32(augmentation.resize)
    moved[:, 0] -= augmentation.crop[0]
    moved[:, 1] -= augmentation.crop[1]
    if augmentation.flip:
        moved[:, 0] = width - moved[:, 0]
    centre = np.array([width, height], dtype=np.float32) / 2
    angle = augmentation.rotation_deg / 180 * np.pi
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    moved[:, :2] -= centre
    moved[:, :2] = moved[:, :2] @ turn.T
    moved[:, :2] += centre
    pixel = moved[:, :2].astype(np.int32) if released_pixels else np.floor(moved[:, :2]).astype(np.int32)
    inside = (pixel >= 0).all(axis=1) & (pixel[:, 0] < width) & (pixel[:, 1] < height)
    image = np.zeros(size_px, dtype=np.float32)
    image[pixel[inside, 1], pixel[inside, 0]] = moved[inside, 2]
    return image
