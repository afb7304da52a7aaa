"""Rows of the tables that grow with scenes: samples, sensor data, ego poses, instances and annotations."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeldistill.config.data import SynthSettings
from labeldistill.geometry.boxes import quaternion_of_yaw
from labeldistill.synthetic.facts import FACTS
from labeldistill.synthetic.layout import Scene
from labeldistill.synthetic.rig import Sensor
from labeldistill.synthetic.seeds import token

Row = dict[str, Any]
MICRO = 1_000_000
_SCENE_PERIOD_S = 100_000
_BEGINNING_S = 1_532_000_000


class SceneTables:
    """Collects one scene's rows. Times are microseconds since the scene's start; `number` counts all scenes."""

    def __init__(self, world: str, scene: Scene, number: int, settings: SynthSettings) -> None:
        """Start the tables of one scene.

        Args:
            world: key of the world, for tokens.
            scene: the scene.
            number: number of the scene over all splits.
            settings: settings of the world.
        """
        self.world, self.scene, self.settings = world, scene, settings
        self.start_us = (_BEGINNING_S + number * _SCENE_PERIOD_S) * MICRO
        names = ("scene", "sample", "sample_data", "ego_pose", "instance", "sample_annotation")
        self.tables: dict[str, list[Row]] = {name: [] for name in names}
        self._last: dict[str, Row] = {}

    def token(self, *key: int | str) -> str:
        """A token of this scene."""
        return token(self.world, self.scene.split, self.scene.index, *key)

    def to_global(self, x: float, y: float, yaw: float) -> tuple[float, float, float]:
        """A pose of the scene's frame on the globe."""
        gx, gy, turn = self.scene.place
        c, s = np.cos(turn), np.sin(turn)
        return float(gx + c * x - s * y), float(gy + s * x + c * y), float(yaw + turn)

    def add_data(self, sensor: Sensor, vehicle: str, at_us: int, file: str, frame: int, key: bool) -> None:
        """Add one image or point cloud, linked to the previous one, with the ego's pose at its time.

        Args:
            sensor: the sensor.
            vehicle: name of the recording vehicle.
            at_us: time since the start of the scene, microseconds.
            file: file name relative to the dataroot.
            frame: number of the key frame that it belongs to.
            key: whether it is the key frame's own.
        """
        height, width = self.settings.image_size_px if sensor.is_camera else (0, 0)
        row: Row = {
            "token": self.token("data", sensor.channel, at_us),
            "sample_token": self.token("sample", frame),
            "ego_pose_token": self.token("data", sensor.channel, at_us),
            "calibrated_sensor_token": token(self.world, "calibrated", vehicle, sensor.channel),
            "timestamp": self.start_us + at_us,
            "fileformat": "jpg" if sensor.is_camera else "pcd",
            "is_key_frame": key,
            "height": height,
            "width": width,
            "filename": file,
            "prev": "",
            "next": "",
        }
        before = self._last.get(sensor.channel)
        if before is not None:
            before["next"], row["prev"] = row["token"], before["token"]
        self._last[sensor.channel] = row
        self.tables["sample_data"].append(row)
        self._add_ego_pose(row["token"], at_us)

    def _add_ego_pose(self, name: str, at_us: int) -> None:
        x, y, yaw = self.to_global(*self.scene.ego.at(at_us / MICRO))
        self.tables["ego_pose"].append(
            {
                "token": name,
                "timestamp": self.start_us + at_us,
                "rotation": quaternion_of_yaw(yaw).tolist(),
                "translation": [x, y, 0.0],
            }
        )

    def add_samples(self, times_us: list[int], name: str, log_token: str) -> None:
        """All key frames and the scene itself."""
        tokens = [self.token("sample", frame) for frame in range(len(times_us))]
        for frame, time_us in enumerate(times_us):
            self.tables["sample"].append(
                {
                    "token": tokens[frame],
                    "timestamp": self.start_us + time_us,
                    "prev": tokens[frame - 1] if frame else "",
                    "next": tokens[frame + 1] if frame + 1 < len(times_us) else "",
                    "scene_token": self.token("scene"),
                }
            )
        self.tables["scene"].append(
            {
                "token": self.token("scene"),
                "log_token": log_token,
                "nbr_samples": len(times_us),
                "first_sample_token": tokens[0],
                "last_sample_token": tokens[-1],
                "name": name,
                "description": self._description(),
            }
        )

    def _description(self) -> str:
        when = "night" if self.scene.light.night else "day"
        bend = "turn" if abs(self.scene.road.curvature) > 0.005 else "straight road"
        motion = "waiting" if self.scene.ego.speed == 0 else bend
        return f"Synthetic, {when}, {motion}, {len(self.scene.things)} objects"

    def add_instance(self, k: int, frames: range, boxes: list["FrameBoxes"]) -> None:
        """Thing `k`, annotated in every one of `frames` (consecutive); boxes of all frames of the scene are given."""
        tokens = {frame: self.token("box", k, frame) for frame in frames}
        for frame in frames:
            self.tables["sample_annotation"].append(self._annotation(k, frame, tokens, boxes[frame]))
        self.tables["instance"].append(
            {
                "token": self.token("instance", k),
                "category_token": token(self.world, "category", FACTS[self.scene.things[k].name].category),
                "nbr_annotations": len(tokens),
                "first_annotation_token": tokens[frames[0]],
                "last_annotation_token": tokens[frames[-1]],
            }
        )

    def _annotation(self, k: int, frame: int, tokens: dict[int, str], boxes: "FrameBoxes") -> Row:
        thing = self.scene.things[k]
        x, y, z, yaw = boxes.poses[k]
        x, y, yaw = self.to_global(x, y, yaw)
        return {
            "token": tokens[frame],
            "sample_token": self.token("sample", frame),
            "instance_token": self.token("instance", k),
            "visibility_token": boxes.visibility[k],
            "attribute_tokens": [token(self.world, "attribute", thing.attribute)] if thing.attribute else [],
            "translation": [x, y, float(z)],
            "size": list(thing.size),
            "rotation": quaternion_of_yaw(yaw).tolist(),
            "prev": tokens.get(frame - 1, ""),
            "next": tokens.get(frame + 1, ""),
            "num_lidar_pts": int(boxes.points[k]),
            "num_radar_pts": 0,
        }


class FrameBoxes:
    """All things of a scene at one key frame: poses [n, 4] (x, y, z m, yaw), LiDAR points, visibility tokens."""

    def __init__(self, poses: NDArray[np.float64], points: NDArray[np.int64], visibility: list[str]) -> None:
        self.poses, self.points, self.visibility = poses, points, visibility


def annotated_frames(boxes: list[FrameBoxes], k: int, ego: NDArray[np.float64], reach: float) -> range:
    """Consecutive key frames from the first to the last in which a thing is near the ego.

    Args:
        boxes: boxes of all key frames.
        k: number of the thing.
        ego: [n, 3] poses of the ego at the key frames.
        reach: distance that counts as near, metres.

    Returns:
        Numbers of key frames: at least two, so that every box has a velocity, or none if the thing never comes near.
    """
    centres = np.array([frame.poses[k, :2] for frame in boxes])
    near = np.flatnonzero(np.hypot(*(centres - ego[:, :2]).T) < reach)
    if len(near) == 0:
        return range(0)
    first, last = int(near[0]), int(near[-1])
    if first == last:
        first, last = (first - 1, last) if first else (first, last + 1)
    return range(first, last + 1)
