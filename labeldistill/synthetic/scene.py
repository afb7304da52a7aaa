"""One scene to files and table rows: key frames, sweeps between them, boxes counted from what was rendered."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labeldistill.config.data import SynthSettings
from labeldistill.synthetic.annotate import box_poses, points_inside, visibility_tokens
from labeldistill.synthetic.camera import place, take_picture
from labeldistill.synthetic.layout import KEY_FRAME_S, draw_scene
from labeldistill.synthetic.lidar import sweep
from labeldistill.synthetic.rig import Sensor
from labeldistill.synthetic.rows import MICRO, FrameBoxes, Row, SceneTables, annotated_frames
from labeldistill.synthetic.seeds import generator

# boxes are annotated this far beyond the range, because nuScenes also annotates objects without points
_BEYOND_M = 10.0


@dataclass(frozen=True)
class SceneJob:
    """What a worker needs to write one scene: `number` counts scenes over all splits, `world` keys the tokens."""

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


@dataclass(frozen=True)
class SceneRows:
    """A scene's rows of the tables that grow with scenes, and its road's middle line [n, 2] for the map (m)."""

    number: int
    tables: dict[str, list[Row]]
    path: NDArray[np.float64]


def write_scene(job: SceneJob) -> SceneRows:
    """Write a scene's images and point clouds below `job.root` and return its rows."""
    return _Writer(job).write()


class _Writer:
    """Renders one scene in order of time."""

    def __init__(self, job: SceneJob) -> None:
        self.job = job
        self.scene = draw_scene(job.settings, job.split, job.index)
        self.rows = SceneTables(job.world, self.scene, job.number, job.settings)

    def _rng(self, *key: int | str) -> np.random.Generator:
        return generator(self.job.settings.seed, self.job.split, self.job.index, *key)

    def write(self) -> SceneRows:
        times = self._key_times()
        boxes = []
        for frame, time_us in enumerate(times):
            boxes.append(self._key_frame(frame, time_us))
            if frame + 1 < len(times):
                self._sweeps(frame, time_us, times[frame + 1])
        self.rows.add_samples(times, self.job.name, self.job.log_token)
        ego = self.scene.ego.at(np.array(times) / MICRO)
        for k in range(len(self.scene.things)):
            frames = annotated_frames(boxes, k, ego, self.job.settings.range_m + _BEYOND_M)
            if frames:
                self.rows.add_instance(k, frames, boxes)
        return SceneRows(self.job.number, self.rows.tables, self._global_path(times[-1] / MICRO))

    def _key_times(self) -> list[int]:
        """Times (microseconds since the scene's start) of the key frames: 2 Hz, a few milliseconds off."""
        off = self._rng("clock").integers(-4000, 4001, self.job.settings.key_frames_per_scene)
        return [int(k * KEY_FRAME_S * MICRO + 10_000 + off[k]) for k in range(len(off))]

    def _key_frame(self, frame: int, time_us: int) -> FrameBoxes:
        """Write six images and a point cloud; returns the boxes with their points and visibility."""
        *cameras, lidar = self.job.sensors
        total = visible = np.zeros(len(self.scene.bodies.motions), np.int64)
        for camera in cameras:
            rng = self._rng(camera.channel, frame)
            at_us = time_us + int(camera.delay_s * MICRO) + int(rng.integers(-900, 901))
            picture = take_picture(self.job.settings, self.scene, camera, at_us / MICRO, rng)
            total, visible = total + picture.total, visible + picture.visible
            path = self._file(camera, at_us, frame, key=True)
            quality = self.job.settings.jpeg_quality
            Image.fromarray(picture.pixels).save(path, "JPEG", quality=quality, subsampling=0)
        points = self._sweep(lidar, time_us, frame, self._rng(lidar.channel, frame), key=True)
        boxes = box_poses(self.scene.things, time_us / MICRO)
        sizes = np.array([thing.size for thing in self.scene.things]).reshape(-1, 3)
        counts = points_inside(boxes, sizes, points, place(lidar, self.scene.ego.at(time_us / MICRO)))
        n = len(self.scene.things)
        return FrameBoxes(boxes, counts, visibility_tokens(total[:n], visible[:n]))

    def _sweeps(self, frame: int, from_us: int, to_us: int) -> None:
        """Sweeps between two key frames; they belong to the one that follows."""
        lidar = self.job.sensors[-1]
        count = self.job.settings.sweeps_per_key_frame
        for k in range(1, count + 1):
            rng = self._rng(lidar.channel, frame, k)
            at_us = from_us + (to_us - from_us) * k // (count + 1) + int(rng.integers(-300, 301))
            self._sweep(lidar, at_us, frame + 1, rng, key=False)

    def _sweep(
        self, lidar: Sensor, at_us: int, frame: int, rng: np.random.Generator, *, key: bool
    ) -> NDArray[np.float32]:
        points = sweep(self.job.settings, self.scene, lidar, at_us / MICRO, rng)
        points.tofile(self._file(lidar, at_us, frame, key=key))
        return points

    def _file(self, sensor: Sensor, at_us: int, frame: int, *, key: bool) -> Path:
        """Where a sensor's data goes; adds its row."""
        folder, ending = "samples" if key else "sweeps", "jpg" if sensor.is_camera else "pcd.bin"
        name = f"{self.job.logfile}__{sensor.channel}__{self.rows.start_us + at_us}.{ending}"
        self.rows.add_data(sensor, self.job.vehicle, at_us, f"{folder}/{sensor.channel}/{name}", frame, key)
        return self.job.root / folder / sensor.channel / name

    def _global_path(self, last_s: float) -> NDArray[np.float64]:
        """The road's middle line on the globe, from 60 m before the first to 60 m after the last key frame."""
        end = self.scene.ego.speed * last_s + 60
        points = [self.scene.road.pose(float(s), 0.0) for s in np.arange(-60, end, 2.0)]
        return np.array([self.rows.to_global(*point)[:2] for point in points])
