"""The released code's `infos` (a list of dicts) as an index of ours, with its files in one folder."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from labeldistill.config.data import CAMERAS
from labeldistill.data.infos import Infos
from labeldistill.geometry.classes import CLASSES
from labeldistill.nuscenes.annotations import CLASS_OF_CATEGORY
from labeldistill.nuscenes.columns import Annotations, Cameras, Samples, Scenes, Sweeps

PAST_SLOTS = 5
"""Leading sweeps of a released sweep list that lie before the key frame; the rest come after it."""


def recorded_index(recorded: dict[str, Any], folder: Path, pictures: Path) -> Infos:
    """An index whose dataroot is `folder`: recorded clouds and depth points are written there, `pictures` linked."""
    infos = recorded["infos"]
    for name, points in recorded["lidar_files"].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        points.numpy().astype(np.float32).tofile(folder / name)
    images = [info["cam_infos"][camera] for info in infos for camera in CAMERAS]
    for image in images:
        link = folder / image["filename"]
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to((pictures / image["filename"]).absolute())
    depth = [recorded["depth_gt_files"][Path(image["filename"]).name + ".bin"].numpy() for image in images]
    np.concatenate(depth).astype(np.float32).tofile(folder / "depth.bin")
    samples = _samples(infos)
    return Infos(
        dataroot=folder,
        scenes=_scenes(infos),
        samples=samples,
        cameras=_cameras(images),
        sweeps=_sweeps(infos),
        annotations=_annotations(infos),
        depth_file=folder / "depth.bin",
        depth_count=np.array([len(points) for points in depth]),
    )


def _scene_names(infos: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(info["scene_token"] for info in infos))


def _scenes(infos: list[dict[str, Any]]) -> Scenes:
    names = pa.array(_scene_names(infos))
    blank, yes, no = pa.array([""] * len(names)), np.ones(len(names), bool), np.zeros(len(names), bool)
    return Scenes(names, names, blank, blank, in_train=yes, in_val=no, in_tuning=no)


def _samples(infos: list[dict[str, Any]]) -> Samples:
    names = _scene_names(infos)
    scene = np.array([names.index(info["scene_token"]) for info in infos])
    order = np.array([int(np.count_nonzero(scene[:row] == scene[row])) for row in range(len(infos))])
    tokens = pa.array([info["sample_token"] for info in infos])
    return Samples(tokens, scene, order, np.array([info["timestamp"] for info in infos]))


def _poses(entries: list[dict[str, Any]]) -> dict[str, Any]:
    def column(part: str, key: str) -> Any:
        return np.array([entry[part][key] for entry in entries], dtype=np.float64)

    return {
        "sensor_rotation": column("calibrated_sensor", "rotation"),
        "sensor_translation": column("calibrated_sensor", "translation"),
        "ego_rotation": column("ego_pose", "rotation"),
        "ego_translation": column("ego_pose", "translation"),
        "timestamp_us": np.array([entry["timestamp"] for entry in entries]),
    }


def _cameras(images: list[dict[str, Any]]) -> Cameras:
    return Cameras(
        file=pa.array([image["filename"] for image in images]),
        size_px=np.array([[image["height"], image["width"]] for image in images]),
        intrinsics=np.array([image["calibrated_sensor"]["camera_intrinsic"] for image in images]).reshape(-1, 9),
        **_poses(images),
    )


def _sweeps(infos: list[dict[str, Any]]) -> Sweeps:
    entries, sample, slot = [], [], []
    for row, info in enumerate(infos):
        for place, entry in enumerate([info["lidar_infos"], *info["lidar_sweeps"]]):
            entries.append(entry["LIDAR_TOP"])
            sample.append(row)
            slot.append(-place if place <= PAST_SLOTS else place - PAST_SLOTS)
    own = np.array(slot) <= 0
    files = pa.array([entry["filename"] for entry in entries])
    return Sweeps(sample=np.array(sample), slot=np.array(slot), own=own, file=files, **_poses(entries))


def _annotations(infos: list[dict[str, Any]]) -> Annotations:
    rows = [(row, box) for row, info in enumerate(infos) for box in info["ann_infos"]]
    boxes = [box for _, box in rows]
    classes = [CLASS_OF_CATEGORY.get(box["category_name"]) for box in boxes]
    blank = pa.array([""] * len(boxes))

    def numbers(key: str, width: int) -> Any:
        return np.array([box[key] for box in boxes], dtype=np.float64).reshape(-1, width)

    return Annotations(
        sample=np.array([row for row, _ in rows], dtype=np.int64),
        token=blank,
        instance_token=blank,
        category=pa.array([box["category_name"] for box in boxes]),
        attribute=blank,
        visibility=blank,
        label=np.array([-1 if name is None else CLASSES.index(name) for name in classes], dtype=np.int64),
        centre=numbers("translation", 3),
        wlh=numbers("size", 3),
        rotation=numbers("rotation", 4),
        velocity=numbers("velocity", 3),
        num_lidar_pts=np.array([box["num_lidar_pts"] for box in boxes], dtype=np.int64),
        num_radar_pts=np.array([box["num_radar_pts"] for box in boxes], dtype=np.int64),
    )
