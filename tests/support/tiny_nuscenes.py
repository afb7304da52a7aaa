"""A nuScenes folder of two scenes written by hand for tests; nothing of it comes from the package."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter
from pyquaternion import Quaternion

VERSION = "v1.0-trainval"
CAMERAS = {  # yaw of the optical axis in degrees
    "CAM_FRONT": 0,
    "CAM_FRONT_LEFT": 55,
    "CAM_FRONT_RIGHT": -55,
    "CAM_BACK": 180,
    "CAM_BACK_LEFT": 110,
    "CAM_BACK_RIGHT": -110,
}
HEIGHT, WIDTH = 36, 64
CATEGORIES = ("vehicle.car", "human.pedestrian.adult", "movable_object.barrier", "animal", "vehicle.bicycle")
SCENES = {"scene-0001": (4, 7), "scene-0003": (3, 2)}
"""Name -> key frames, sweeps between two key frames; the first is of the official train split, the other of val."""


class TinyWorld:
    """Writes tables, images and clouds below `root`; `tables` holds the rows as they were written."""

    def __init__(self, root: Path) -> None:
        self.root, self.rng = root, np.random.default_rng(5)
        self.tables: dict[str, list[dict[str, Any]]] = {}
        self._static_tables()
        for number, name in enumerate(SCENES):
            self._scene(number, name)
        self.save()

    def save(self) -> None:
        (self.root / VERSION).mkdir(parents=True, exist_ok=True)
        for name, rows in self.tables.items():
            (self.root / VERSION / f"{name}.json").write_text(json.dumps(rows, indent=0))

    def add(self, table: str, row: dict[str, Any]) -> str:
        self.tables.setdefault(table, []).append(row)
        return str(row["token"])

    def _static_tables(self) -> None:
        for name in CATEGORIES:
            self.add("category", {"token": f"cat-{name}", "name": name, "description": ""})
        for name in ("vehicle.moving", "pedestrian.standing"):
            self.add("attribute", {"token": f"att-{name}", "name": name, "description": ""})
        for number in range(1, 5):
            self.add("visibility", {"token": str(number), "level": f"v{number}", "description": ""})
        for channel in (*CAMERAS, "LIDAR_TOP", "RADAR_FRONT"):
            modality = {"C": "camera", "L": "lidar", "R": "radar"}[channel[0]]
            self.add("sensor", {"token": f"sen-{channel}", "channel": channel, "modality": modality})
        (self.root / "maps").mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4)).save(self.root / "maps" / "m.png")
        self.add("map", {"token": "m", "category": "x", "filename": "maps/m.png", "log_tokens": ["log-0", "log-1"]})

    def _scene(self, number: int, name: str) -> None:
        key_frames, between = SCENES[name]
        log = {"token": f"log-{number}", "logfile": f"log{number}", "vehicle": "n1", "date_captured": "2018-01-01"}
        self.add("log", log | {"location": ("boston-seaport", "singapore-queenstown")[number]})
        self._calibration(name)
        start = 1_500_000_000_000_000 + number * 60_000_000
        samples = [f"{name}-s{i}" for i in range(key_frames)]
        for i, token in enumerate(samples):
            row = {"token": token, "timestamp": start + i * 500_000, "scene_token": name}
            self.add("sample", row | {"prev": samples[i - 1] if i else "", "next": (*samples, "")[i + 1]})
            for shift, channel in enumerate(CAMERAS):
                self._image(name, token, channel, start + i * 500_000 + shift * 9_000 - 30_000)
        self._clouds(name, samples, start, between)
        self._boxes(name, samples, number)
        first = {"first_sample_token": samples[0], "last_sample_token": samples[-1], "nbr_samples": key_frames}
        scene = {"token": name, "name": name, "log_token": f"log-{number}", "description": f"Night, scene {number}"}
        self.add("scene", scene | first)

    def _calibration(self, name: str) -> None:
        for channel, degrees in CAMERAS.items():
            # A camera looks along its z axis, with x to the right and y down.
            level = Quaternion(matrix=np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]))
            turn = Quaternion(axis=[0, 0, 1], degrees=degrees) * level
            matrix = [[40.0 + degrees / 100, 0.0, WIDTH / 2], [0.0, 40.0, HEIGHT / 2 - 2], [0.0, 0.0, 1.0]]
            self._sensor(name, channel, turn, [1.5 * np.cos(np.radians(degrees)), 0.2, 1.5], matrix)
        self._sensor(name, "LIDAR_TOP", Quaternion(axis=[0.02, 0.01, 1], degrees=-90), [0.9, 0.0, 1.8], [])
        self._sensor(name, "RADAR_FRONT", Quaternion(), [3.4, 0.0, 0.5], [])

    def _sensor(self, name: str, channel: str, turn: Quaternion, shift: list[float], matrix: Any) -> None:
        row = {
            "token": f"cs-{name}-{channel}",
            "sensor_token": f"sen-{channel}",
            "translation": list(map(float, shift)),
        }
        self.add("calibrated_sensor", row | {"rotation": turn.elements.tolist(), "camera_intrinsic": matrix})

    def _ego(self, token: str, name: str, timestamp: int) -> None:
        seconds = ((timestamp + 30_000_000) % 60_000_000 - 30_000_000) / 1e6  # images are a little earlier than 0
        turn = Quaternion(axis=[0.01, -0.02, 1], radians=-2.0 + 0.1 * seconds)
        place = [1000.0 + 4 * seconds, 600.0 - 2 * seconds, 0.02 * seconds]
        row = {"token": token, "timestamp": timestamp, "rotation": turn.elements.tolist(), "translation": place}
        self.add("ego_pose", row)

    def _data(self, token: str, sample: str, channel: str, timestamp: int, file: str, **more: Any) -> None:
        scene = sample.rsplit("-s", 1)[0]
        self._ego(token, scene, timestamp)
        row = {"token": token, "sample_token": sample, "ego_pose_token": token, "timestamp": timestamp}
        row |= {"calibrated_sensor_token": f"cs-{scene}-{channel}", "filename": file, "height": 0, "width": 0}
        self.add("sample_data", row | {"fileformat": file[-3:], "prev": "", "next": "", "is_key_frame": True} | more)

    def _image(self, name: str, sample: str, channel: str, timestamp: int) -> None:
        file = f"samples/{channel}/{sample}__{channel}.jpg"
        (self.root / file).parent.mkdir(parents=True, exist_ok=True)
        noise = self.rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(noise).filter(ImageFilter.GaussianBlur(2)).save(self.root / file, quality=92)
        self._data(f"sd-{sample}-{channel}", sample, channel, timestamp, file, height=HEIGHT, width=WIDTH)

    def _clouds(self, name: str, samples: list[str], start: int, between: int) -> None:
        """A chain of clouds; those between two key frames belong to the later one, as in nuScenes."""
        step, count = 500_000 // (between + 1), (len(samples) - 1) * (between + 1) + 1
        tokens = [f"sd-{name}-lidar{i}" for i in range(count)]
        for i, token in enumerate(tokens):
            key = i % (between + 1) == 0
            file = f"{'samples' if key else 'sweeps'}/LIDAR_TOP/{name}_{i}.pcd.bin"
            (self.root / file).parent.mkdir(parents=True, exist_ok=True)
            self._cloud().tofile(self.root / file)
            sample = samples[-(-i // (between + 1))]
            links = {"prev": tokens[i - 1] if i else "", "next": (*tokens, "")[i + 1], "is_key_frame": key}
            self._data(token, sample, "LIDAR_TOP", start + i * step, file, **links)

    def _cloud(self) -> np.ndarray[Any, Any]:
        angle, reach = self.rng.uniform(0, 2 * np.pi, 240), self.rng.uniform(2, 70, 240)
        parts = [reach * np.cos(angle), reach * np.sin(angle), self.rng.uniform(-2, 3, 240)]
        return np.stack([*parts, self.rng.uniform(0, 255, 240), np.zeros(240)], axis=1).astype(np.float32)

    def _boxes(self, name: str, samples: list[str], number: int) -> None:
        for k in range(8):
            instance, category = f"{name}-i{k}", CATEGORIES[k % len(CATEGORIES)]
            self.add("instance", {"token": instance, "category_token": f"cat-{category}", "nbr_annotations": 1})
            seen = samples[k % 2 :: 2] if k == 3 else samples[: 1 + k % len(samples)]
            for i, sample in enumerate(seen):
                row = {"token": f"{instance}-{i}", "sample_token": sample, "instance_token": instance}
                place = [1004.0 + 5 * k + 0.7 * i * k, 595.0 - 6 * k + 0.3 * i, 0.5 + 0.1 * k]
                turn = Quaternion(axis=[0, 0, 1], degrees=40 * k + i)
                row |= {"translation": place, "size": [1.0 + 0.1 * k, 2.0 + k, 1.5], "rotation": turn.elements.tolist()}
                row |= {"prev": f"{instance}-{i - 1}" if i else ""}
                row |= {"next": f"{instance}-{i + 1}" if i + 1 < len(seen) else ""}
                row |= {"visibility_token": str(1 + k % 4) if k else "", "num_lidar_pts": (5, 0, 0, 3)[k % 4]}
                row |= {"num_radar_pts": (0, 0, 2, 1)[k % 4]}
                row |= {"attribute_tokens": ["att-vehicle.moving"] if category == "vehicle.car" else []}
                self.add("sample_annotation", row)
