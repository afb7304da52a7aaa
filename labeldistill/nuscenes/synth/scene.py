"""One scene to files and table rows: key frames, sweeps between them, poses, boxes and links."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labeldistill.config.data import SynthSettings
from labeldistill.geometry.boxes import quaternion_of_yaw
from labeldistill.nuscenes.synth.annotate import box_poses, points_inside, visibility_tokens
from labeldistill.nuscenes.synth.camera import place, take_picture
from labeldistill.nuscenes.synth.facts import FACTS
from labeldistill.nuscenes.synth.layout import KEY_FRAME_S, Scene, draw_scene
from labeldistill.nuscenes.synth.lidar import sweep
from labeldistill.nuscenes.synth.rig import Sensor
from labeldistill.nuscenes.synth.seeds import generator, token

Row = dict[str, Any]
_MICRO = 1_000_000
_SCENE_PERIOD_S = 100_000
_BEGINNING_S = 1_532_000_000


@dataclass(frozen=True)
class SceneJob:
    """All a worker needs to write one scene: `number` counts scenes over all splits, `world` keys the tokens."""

    settings: SynthSettings
    world: str
    split: str
    index: int
    number: int
    name: str
    vehicle: str
    logfile: str
    log_token: str
    sensors: tuple[Sensor, ...]
    root: Path


@dataclass
class SceneRows:
    """A scene's rows of the tables that grow with scenes, and its ego path for the map (x, y in m)."""

    number: int
    tables: dict[str, list[Row]] = field(default_factory=dict)
    path: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))


def write_scene(job: SceneJob) -> SceneRows:
    """Write a scene's images and point clouds below `job.root` and return its rows."""
    return _Writer(job).write()


class _Writer:
    """Builds the rows of one scene in order of time."""

    def __init__(self, job: SceneJob) -> None:
        self.job = job
        self.scene: Scene = draw_scene(job.settings, job.split, job.index)
        self.rows = SceneRows(job.number, {name: [] for name in (
            "scene", "sample", "sample_data", "ego_pose", "instance", "sample_annotation")})  # fmt: skip
        self.start_us = (_BEGINNING_S + job.number * _SCENE_PERIOD_S) * _MICRO
        self.last: dict[str, Row] = {}
        self.boxes: list[tuple[NDArray[np.float64], NDArray[np.int64], list[str]]] = []

    def _token(self, *key: int | str) -> str:
        return token(self.job.world, self.job.split, self.job.index, *key)

    def _rng(self, *key: int | str) -> np.random.Generator:
        return generator(self.job.settings.seed, self.job.split, self.job.index, *key)

    def write(self) -> SceneRows:
        times = self._key_times()
        for frame, time_us in enumerate(times):
            self._key_frame(frame, time_us)
            if frame + 1 < len(times):
                self._sweeps(frame, time_us, times[frame + 1])
        self._samples(times)
        self._annotations(times)
        self.rows.path = self._global_path(times)
        return self.rows

    def _key_times(self) -> list[int]:
        """Times (microseconds since the scene's start) of the key frames: 2 Hz, a few milliseconds off."""
        off = self._rng("clock").integers(-4000, 4001, self.job.settings.key_frames_per_scene)
        return [int(k * KEY_FRAME_S * _MICRO + 10_000 + off[k]) for k in range(len(off))]

    def _key_frame(self, frame: int, time_us: int) -> None:
        total = visible = np.zeros(len(self.scene.bodies.motions), np.int64)
        points, boxes = np.zeros((0, 5), np.float32), box_poses(self.scene.things, time_us / _MICRO)
        for sensor in self.job.sensors:
            rng = self._rng(sensor.channel, frame)
            at_us = time_us + int(sensor.delay_s * _MICRO) + (int(rng.integers(-900, 901)) if sensor.is_camera else 0)
            file = self._file("samples", sensor, at_us)
            if sensor.is_camera:
                picture = take_picture(self.job.settings, self.scene, sensor, at_us / _MICRO, rng)
                total, visible = total + picture.total, visible + picture.visible
                Image.fromarray(picture.pixels).save(
                    self.job.root / file, "JPEG", quality=self.job.settings.jpeg_quality, subsampling=0
                )
            else:
                points = sweep(self.job.settings, self.scene, sensor, at_us / _MICRO, rng)
                points.tofile(self.job.root / file)
            self._sample_data(sensor, at_us, file, frame, True)
        lidar = place(self.job.sensors[-1], self.scene.ego.at(time_us / _MICRO))
        sizes = np.array([thing.size for thing in self.scene.things]).reshape(-1, 3)
        counts = points_inside(boxes, sizes, points, lidar)
        n = len(self.scene.things)
        seen = visibility_tokens(total[:n], visible[:n])
        self.boxes.append((boxes, counts, seen))

    def _sweeps(self, frame: int, from_us: int, to_us: int) -> None:
        lidar = self.job.sensors[-1]
        count = self.job.settings.sweeps_per_key_frame
        for k in range(1, count + 1):
            rng = self._rng(lidar.channel, frame, k)
            at_us = from_us + (to_us - from_us) * k // (count + 1) + int(rng.integers(-300, 301))
            file = self._file("sweeps", lidar, at_us)
            sweep(self.job.settings, self.scene, lidar, at_us / _MICRO, rng).tofile(self.job.root / file)
            self._sample_data(lidar, at_us, file, frame + 1, False)  # belongs to the key frame that follows

    def _file(self, folder: str, sensor: Sensor, at_us: int) -> str:
        ending = "jpg" if sensor.is_camera else "pcd.bin"
        stamp = self.start_us + at_us
        return f"{folder}/{sensor.channel}/{self.job.logfile}__{sensor.channel}__{stamp}.{ending}"

    def _sample_data(self, sensor: Sensor, at_us: int, file: str, frame: int, key: bool) -> None:
        height, width = self.job.settings.image_size_px if sensor.is_camera else (0, 0)
        row: Row = {
            "token": self._token("data", sensor.channel, at_us),
            "sample_token": self._token("sample", frame),
            "ego_pose_token": self._token("data", sensor.channel, at_us),
            "calibrated_sensor_token": token(self.job.world, "calibrated", self.job.vehicle, sensor.channel),
            "timestamp": self.start_us + at_us,
            "fileformat": "jpg" if sensor.is_camera else "pcd",
            "is_key_frame": key,
            "height": height,
            "width": width,
            "filename": file,
            "prev": "",
            "next": "",
        }
        before = self.last.get(sensor.channel)
        if before is not None:
            before["next"], row["prev"] = row["token"], before["token"]
        self.last[sensor.channel] = row
        self.rows.tables["sample_data"].append(row)
        self.rows.tables["ego_pose"].append(self._ego_pose(row["token"], at_us))

    def _to_global(self, x: float, y: float, yaw: float) -> tuple[float, float, float]:
        gx, gy, turn = self.scene.place
        c, s = np.cos(turn), np.sin(turn)
        return float(gx + c * x - s * y), float(gy + s * x + c * y), float(yaw + turn)

    def _ego_pose(self, name: str, at_us: int) -> Row:
        x, y, yaw = self._to_global(*self.scene.ego.at(at_us / _MICRO))
        return {
            "token": name,
            "timestamp": self.start_us + at_us,
            "rotation": quaternion_of_yaw(yaw).tolist(),
            "translation": [x, y, 0.0],
        }

    def _samples(self, times: list[int]) -> None:
        tokens = [self._token("sample", frame) for frame in range(len(times))]
        for frame, time_us in enumerate(times):
            self.rows.tables["sample"].append(
                {
                    "token": tokens[frame],
                    "timestamp": self.start_us + time_us,
                    "prev": tokens[frame - 1] if frame else "",
                    "next": tokens[frame + 1] if frame + 1 < len(times) else "",
                    "scene_token": self._token("scene"),
                }
            )
        when = "night" if self.scene.light.night else "day"
        bend = "turn" if abs(self.scene.road.curvature) > 0.005 else "straight road"
        motion = "waiting" if self.scene.ego.speed == 0 else bend
        self.rows.tables["scene"].append(
            {
                "token": self._token("scene"),
                "log_token": self.job.log_token,
                "nbr_samples": len(times),
                "first_sample_token": tokens[0],
                "last_sample_token": tokens[-1],
                "name": self.job.name,
                "description": f"Synthetic, {when}, {motion}, {len(self.scene.things)} objects",
            }
        )

    def _annotations(self, times: list[int]) -> None:
        ego = self.scene.ego.at(np.array(times) / _MICRO)
        limit = self.job.settings.range_m + 10
        for k in range(len(self.scene.things)):
            centres = np.array([boxes[k] for boxes, _, _ in self.boxes])
            near = np.flatnonzero(np.hypot(*(centres[:, :2] - ego[:, :2]).T) < limit)
            if len(near) == 0:
                continue
            first, last = int(near[0]), int(near[-1])
            if first == last:  # two frames at least, so that the box has a velocity
                first, last = (first - 1, last) if first else (first, last + 1)
            self._instance(k, first, last)

    def _instance(self, k: int, first: int, last: int) -> None:
        tokens = {frame: self._token("box", k, frame) for frame in range(first, last + 1)}
        for frame in tokens:
            self.rows.tables["sample_annotation"].append(self._annotation(k, frame, tokens))
        self.rows.tables["instance"].append(
            {
                "token": self._token("instance", k),
                "category_token": token(self.job.world, "category", FACTS[self.scene.things[k].name].category),
                "nbr_annotations": len(tokens),
                "first_annotation_token": tokens[first],
                "last_annotation_token": tokens[last],
            }
        )

    def _annotation(self, k: int, frame: int, tokens: dict[int, str]) -> Row:
        thing = self.scene.things[k]
        boxes, counts, seen = self.boxes[frame]
        x, y, yaw = self._to_global(boxes[k, 0], boxes[k, 1], boxes[k, 3])
        return {
            "token": tokens[frame],
            "sample_token": self._token("sample", frame),
            "instance_token": self._token("instance", k),
            "visibility_token": seen[k],
            "attribute_tokens": [token(self.job.world, "attribute", thing.attribute)] if thing.attribute else [],
            "translation": [x, y, float(boxes[k, 2])],
            "size": list(thing.size),
            "rotation": quaternion_of_yaw(yaw).tolist(),
            "prev": tokens.get(frame - 1, ""),
            "next": tokens.get(frame + 1, ""),
            "num_lidar_pts": int(counts[k]),
            "num_radar_pts": 0,
        }

    def _global_path(self, times: list[int]) -> NDArray[np.float64]:
        """The road's middle line on the globe, from 60 m before the first to 60 m after the last key frame."""
        end = self.scene.ego.speed * times[-1] / _MICRO + 60
        points = [self.scene.road.pose(s, 0.0) for s in np.arange(-60, end, 2.0)]
        return np.array([self._to_global(*point)[:2] for point in points])
