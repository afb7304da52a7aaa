"""The unmodified devkit as the arbiter of the synthetic world: it loads, renders and evaluates it."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nuscenes import NuScenes
from nuscenes.eval.common.config import config_factory
from nuscenes.eval.detection.evaluate import DetectionEval
from nuscenes.eval.detection.utils import category_to_detection_name
from nuscenes.utils.geometry_utils import points_in_box, view_points
from nuscenes.utils.splits import train, val
from PIL import Image

from labeldistill.config.data import CAMERAS, SynthSettings
from labeldistill.geometry.classes import CLASSES
from labeldistill.synthetic.facts import FACTS
from labeldistill.synthetic.layout import draw_scene
from labeldistill.synthetic.write import write_world

SETTINGS = SynthSettings(
    scenes={"train": 1, "val": 3, "tuning": 1},
    key_frames_per_scene=3,
    sweeps_per_key_frame=3,
    objects_per_scene=(34, 38),
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("synth") / "world"
    write_world(SETTINGS, out)
    return out


@pytest.fixture(scope="module")
def nusc(root: Path) -> NuScenes:
    return NuScenes("v1.0-trainval", str(root), verbose=False)


def boxes_of(nusc: NuScenes, sample: dict[str, Any]) -> list[dict[str, Any]]:
    return [nusc.get("sample_annotation", token) for token in sample["anns"]]


def test_world_has_every_table_and_every_frame(nusc: NuScenes) -> None:
    assert len(nusc.scene) == 5
    assert len(nusc.sample) == 15
    assert len(nusc.sample_data) == 15 * 7 + 5 * 2 * 3
    assert len(nusc.category) == 23
    assert len(nusc.attribute) == 8
    for sample in nusc.sample:
        assert set(sample["data"]) == {*CAMERAS, "LIDAR_TOP"}


def test_scene_names_are_official_and_splits_disjoint(root: Path, nusc: NuScenes) -> None:
    splits = json.loads((root / "v1.0-trainval" / "splits.json").read_text())
    assert set(splits) == {"synth_train", "synth_val", "synth_tuning"}
    assert set(splits["synth_val"]) <= set(val)
    assert set(splits["synth_train"]) | set(splits["synth_tuning"]) <= set(train)
    assert not set(splits["synth_train"]) & set(splits["synth_tuning"])
    assert sorted(name for names in splits.values() for name in names) == sorted(scene["name"] for scene in nusc.scene)


def test_devkit_renders_a_sample(nusc: NuScenes, tmp_path: Path) -> None:
    for channel in ("CAM_BACK", "LIDAR_TOP"):
        out = tmp_path / f"{channel}.png"
        nusc.render_sample_data(nusc.sample[1]["data"][channel], out_path=str(out), verbose=False)
        assert Image.open(out).size[0] > 100


def test_ego_drives_on_its_map(nusc: NuScenes) -> None:
    for scene in nusc.scene:
        mask = nusc.get("map", nusc.get("log", scene["log_token"])["map_token"])["mask"]
        sample = nusc.get("sample", scene["first_sample_token"])
        pose = nusc.get("ego_pose", nusc.get("sample_data", sample["data"]["LIDAR_TOP"])["ego_pose_token"])
        x, y, _ = pose["translation"]
        assert mask.is_on_mask(x, y).all()
        assert not mask.is_on_mask(x + 200, y).any()


def ground_truth_as_predictions(nusc: NuScenes) -> dict[str, Any]:
    results: dict[str, Any] = {}
    for sample in nusc.sample:
        if nusc.get("scene", sample["scene_token"])["name"] not in val:
            continue
        rows = results.setdefault(sample["token"], [])
        for box in boxes_of(nusc, sample):
            if box["num_lidar_pts"] == 0:
                continue
            name = category_to_detection_name(box["category_name"])
            attributes = [nusc.get("attribute", token)["name"] for token in box["attribute_tokens"]]
            rows.append(
                {
                    "sample_token": sample["token"],
                    "translation": box["translation"],
                    "size": box["size"],
                    "rotation": box["rotation"],
                    "velocity": list(nusc.box_velocity(box["token"])[:2]),
                    "detection_name": name,
                    "detection_score": 0.5,
                    "attribute_name": attributes[0] if attributes else "",
                }
            )
    meta = {f"use_{m}": m in ("camera", "lidar") for m in ("camera", "lidar", "radar", "map", "external")}
    return {"meta": meta, "results": results}


@pytest.fixture(scope="module")
def perfect(nusc: NuScenes, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("devkit")
    (folder / "results.json").write_text(json.dumps(ground_truth_as_predictions(nusc)))
    config = config_factory("detection_cvpr_2019")
    arbiter = DetectionEval(nusc, config, str(folder / "results.json"), "val", str(folder), verbose=False)
    metrics, _ = arbiter.evaluate()
    return dict(metrics.serialize())


def test_ground_truth_scores_one_on_every_class(perfect: dict[str, Any]) -> None:
    assert set(perfect["mean_dist_aps"]) == set(CLASSES)
    assert all(ap == pytest.approx(1.0) for ap in perfect["mean_dist_aps"].values())
    for error in ("trans_err", "scale_err", "orient_err", "vel_err", "attr_err"):
        assert perfect["tp_errors"][error] == pytest.approx(0.0, abs=1e-6)


def test_lidar_points_in_boxes_are_those_counted(nusc: NuScenes) -> None:
    compared = 0
    for sample in nusc.sample:
        path, boxes, _ = nusc.get_sample_data(sample["data"]["LIDAR_TOP"])
        points = np.fromfile(path, np.float32).reshape(-1, 5)[:, :3].T.astype(np.float64)
        for box in boxes:
            told = nusc.get("sample_annotation", box.token)["num_lidar_pts"]
            assert abs(int(points_in_box(box, points).sum()) - told) == 0
            compared += told > 0
    assert compared > 100


def test_points_project_onto_images_inside_their_box(nusc: NuScenes) -> None:
    """A box's LiDAR points, moved to a camera by the tables' matrices, fall into the box's outline there."""
    checked = 0
    for sample in nusc.sample[::4]:
        lidar_path, lidar_boxes, _ = nusc.get_sample_data(sample["data"]["LIDAR_TOP"])
        points = np.fromfile(lidar_path, np.float32).reshape(-1, 5)[:, :3].T.astype(np.float64)
        inside = {box.token: points_in_box(box, points) for box in lidar_boxes}
        to_global = transforms(nusc, sample["data"]["LIDAR_TOP"])
        for channel in CAMERAS:
            _, boxes, intrinsics = nusc.get_sample_data(sample["data"][channel])
            to_camera = np.linalg.inv(transforms(nusc, sample["data"][channel])) @ to_global
            seen = (to_camera @ np.vstack([points, np.ones(points.shape[1])]))[:3]
            for box in boxes:
                if box.corners()[2].min() < 1 or np.hypot(*nusc.box_velocity(box.token)[:2]) > 0.01:
                    continue  # moving boxes move between the two sensors' instants
                outline = view_points(box.corners(), intrinsics, normalize=True)[:2]
                pixels = view_points(seen[:, inside[box.token]], intrinsics, normalize=True)[:2]
                assert (pixels >= outline.min(1)[:, None] - 1e-6).all()
                assert (pixels <= outline.max(1)[:, None] + 1e-6).all()
                checked += pixels.shape[1]
    assert checked > 1000


def transforms(nusc: NuScenes, token: str) -> np.ndarray:
    from nuscenes.utils.geometry_utils import transform_matrix
    from pyquaternion import Quaternion

    data = nusc.get("sample_data", token)
    matrices = [
        transform_matrix(record["translation"], Quaternion(record["rotation"]))
        for record in (
            nusc.get("ego_pose", data["ego_pose_token"]),
            nusc.get("calibrated_sensor", data["calibrated_sensor_token"]),
        )
    ]
    return np.asarray(matrices[0] @ matrices[1])


def test_velocities_are_those_of_the_motion(nusc: NuScenes) -> None:
    """The devkit's finite differences agree with the true speed (a chord is a little shorter than its arc)."""
    scene = draw_scene(SETTINGS, "val", 0)
    name = json.loads((Path(nusc.dataroot) / nusc.version / "splits.json").read_text())["synth_val"][0]
    record = next(row for row in nusc.scene if row["name"] == name)
    middle = nusc.get("sample", nusc.get("sample", record["first_sample_token"])["next"])
    told = {box["category_name"]: [] for box in boxes_of(nusc, middle)}
    for box in boxes_of(nusc, middle):
        told[box["category_name"]].append(float(np.hypot(*nusc.box_velocity(box["token"])[:2])))
    speeds = {category: [] for category in told}
    for thing in scene.things:
        category = FACTS[thing.name].category
        speeds.setdefault(category, []).append(thing.body.motion.speed)
    assert any(max(values) > 1 for values in told.values())
    for category, values in told.items():
        for value in values:
            assert min(abs(value - speed) for speed in speeds[category]) < 0.02 * value + 1e-6


def test_sweeps_are_linked_at_20_hz_and_belong_to_the_next_key_frame(nusc: NuScenes) -> None:
    for scene in nusc.scene:
        token = nusc.get("sample", scene["first_sample_token"])["data"]["LIDAR_TOP"]
        chain = []
        while token:
            chain.append(nusc.get("sample_data", token))
            token = chain[-1]["next"]
        assert [row["is_key_frame"] for row in chain] == [True, False, False, False] * 2 + [True]
        gaps = np.diff([row["timestamp"] for row in chain]) / 1e6
        assert (np.abs(gaps - 0.125) < 0.005).all()
        assert all(row["prev"] == before["token"] for before, row in pairwise(chain))
        for row in chain[1:4]:
            assert row["sample_token"] == chain[4]["sample_token"]
            assert row["filename"].startswith("sweeps/")
