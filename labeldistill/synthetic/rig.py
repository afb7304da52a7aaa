"""The sensors: nuScenes' rig (nominal positions, yaw angles and focal lengths), calibrated per vehicle."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labeldistill.config.data import SynthSettings

Array = NDArray[np.float64]

LIDAR = "LIDAR_TOP"
# Channel: x, y, z in the ego frame (m), yaw (degrees), focal length in pixels of a 1600 x 900 image, firing time (s)
# relative to the LiDAR's (the cameras fire one after another while the LiDAR's beam passes).
_CAMERAS: dict[str, tuple[float, float, float, float, float, float]] = {
    "CAM_FRONT_LEFT": (1.55, 0.50, 1.51, 55.0, 1260.0, -0.043),
    "CAM_FRONT": (1.71, 0.01, 1.50, 0.0, 1260.0, -0.035),
    "CAM_FRONT_RIGHT": (1.56, -0.50, 1.51, -55.0, 1260.0, -0.028),
    "CAM_BACK_LEFT": (1.04, 0.48, 1.58, 110.0, 1260.0, -0.001),
    "CAM_BACK": (0.04, 0.01, 1.57, 180.0, 800.0, -0.010),
    "CAM_BACK_RIGHT": (1.04, -0.48, 1.56, -110.0, 1260.0, -0.020),
}
_LIDAR = (0.96, 0.0, 1.84, -90.0)
_NATIVE_WIDTH, _NATIVE_HEIGHT, _NATIVE_CENTRE = 1600.0, 900.0, (812.0, 485.0)
_CAMERA_AXES = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
"""Ego axes (x forward, y left, z up) of the camera's x (right), y (down), z (forward)."""


@dataclass(frozen=True)
class Sensor:
    """One calibrated sensor: position (m) and rotation in the ego frame, intrinsics [3, 3] of a camera."""

    channel: str
    translation: Array
    rotation: Array
    intrinsics: Array | None
    delay_s: float

    @property
    def is_camera(self) -> bool:
        """True for the six cameras."""
        return self.intrinsics is not None


def rotation_z(angle: float) -> Array:
    """Rotation [3, 3] about z by `angle` rad."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _tilt(rng: Generator, degrees: float) -> Array:
    """A small random rotation: roll, then pitch, then yaw."""
    roll, pitch, yaw = np.radians(rng.uniform(-degrees, degrees, 3))
    rx = np.array([[1, 0, 0], [0, np.cos(roll), -np.sin(roll)], [0, np.sin(roll), np.cos(roll)]])
    ry = np.array([[np.cos(pitch), 0, np.sin(pitch)], [0, 1, 0], [-np.sin(pitch), 0, np.cos(pitch)]])
    return np.asarray(rotation_z(yaw) @ ry @ rx)


def camera_intrinsics(focal_px: float, height: int, width: int) -> Array:
    """Intrinsics [3, 3] of nuScenes' camera resized to `width`; missing rows are cut off the image's top.

    That is what the released pipeline does to real images (0.44 x 1600 x 900, then the lowest 256 rows).
    """
    scale = width / _NATIVE_WIDTH
    cx, cy = _NATIVE_CENTRE[0] * scale, _NATIVE_CENTRE[1] / _NATIVE_HEIGHT * height
    if height < _NATIVE_HEIGHT * scale:
        cy = max(height - (_NATIVE_HEIGHT - _NATIVE_CENTRE[1]) * scale, 0.2 * height)
    return np.array([[focal_px * scale, 0.0, cx], [0.0, focal_px * scale, cy], [0.0, 0.0, 1.0]])


def calibrated_rig(settings: SynthSettings, rng: Generator) -> tuple[Sensor, ...]:
    """Six cameras in the released order, then the LiDAR, with a vehicle's own small deviations."""
    height, width = settings.image_size_px
    sensors = []
    for channel, (x, y, z, yaw, focal, delay) in _CAMERAS.items():
        place = np.round(np.array([x, y, z]) + rng.uniform(-0.02, 0.02, 3), 6)
        rotation = _tilt(rng, 0.4) @ rotation_z(np.radians(yaw)) @ _CAMERA_AXES
        intrinsics = camera_intrinsics(focal * rng.uniform(0.995, 1.005), height, width)
        sensors.append(Sensor(channel, place, rotation, intrinsics, delay))
    x, y, z, yaw = _LIDAR
    place = np.round(np.array([x, y, z]) + rng.uniform(-0.02, 0.02, 3) * (1, 0, 0.2), 6)
    turn = rotation_z(np.radians(yaw + rng.uniform(-0.3, 0.3)))  # pure yaw: beams stay cones about the vertical
    return (*sensors, Sensor(LIDAR, place, turn, None, 0.0))
