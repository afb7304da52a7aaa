"""Our columns against the boxes that the devkit loads, on a written folder and on real tables."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nuscenes import NuScenes
from nuscenes.eval.common.loaders import add_center_dist, load_gt_of_sample_tokens
from nuscenes.eval.detection.data_classes import DetectionBox
from small_nuscenes import SAMPLES, SCENES, Track, write_folder

from labeldistill.errors import InputError
from labeldistill.evaluation.eligible import ego_distance
from labeldistill.evaluation.ground_truth import GroundTruth
from labeldistill.evaluation.ground_truth_cache import open_ground_truth
from labeldistill.evaluation.ground_truth_part import part_of
from labeldistill.evaluation.protocol import ATTRIBUTES
from labeldistill.geometry.classes import CLASSES

TRACKS = [
    Track("vehicle.car", 0, ((1.0, 2.0, 0.0), (2.0, 2.0, 0.0), (4.0, 2.5, 0.0)), attribute="vehicle.moving"),
    Track("vehicle.bicycle", 1, ((9.0, 0.0, 0.0),), lidar_points=0, radar_points=1, visibility="3"),
    Track("static_object.bicycle_rack", 1, ((8.0, 0.0, 0.0),)),
    Track("animal", 2, ((7.0, 0.0, 0.0),)),
    Track("movable_object.barrier", 4, ((6.0, 1.0, 0.0), (6.5, 1.0, 0.0)), visibility="1"),
]


def compare(truth: GroundTruth, root: Path, version: str) -> None:
    nusc = NuScenes(version, str(root), verbose=False)
    boxes = add_center_dist(nusc, load_gt_of_sample_tokens(nusc, list(truth.tokens), DetectionBox))
    theirs = boxes.all
    assert boxes.sample_tokens == list(truth.tokens)
    assert [truth.tokens[row] for row in truth.sample] == [one.sample_token for one in theirs]
    for name in ("translation", "size", "rotation", "velocity"):
        np.testing.assert_array_equal(getattr(truth, name), np.array([getattr(one, name) for one in theirs]), name)
    assert [CLASSES[code] for code in truth.label] == [one.detection_name for one in theirs]
    assert [ATTRIBUTES[code] for code in truth.attribute] == [one.attribute_name for one in theirs]
    assert truth.points.tolist() == [one.num_pts for one in theirs]
    distance = ego_distance(truth.translation, truth.ego[truth.sample])
    np.testing.assert_array_equal(distance, [one.ego_dist for one in theirs])


def test_columns_are_the_boxes_that_the_devkit_loads(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "world", TRACKS)
    truth = open_ground_truth(root, "v1.0-mini", "mini_val")
    compare(truth, root, "v1.0-mini")
    assert truth.visibility.tolist() == [0, 0, 3, 0, 1, 1]
    assert truth.scene_names == SCENES
    assert truth.racks.sample.tolist() == [1]


def test_real_tables_are_the_boxes_that_the_devkit_loads(real_nuscenes: Path) -> None:
    root = real_nuscenes / "nuscenes"
    compare(open_ground_truth(root, "v1.0-mini", "mini_val"), root, "v1.0-mini")


def test_the_cache_gives_the_same_columns_and_notices_changed_tables(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "world", TRACKS)
    first, again = (open_ground_truth(root, "v1.0-mini", "mini_val", cache=tmp_path / "cache") for _ in range(2))
    assert again.tokens == first.tokens
    np.testing.assert_array_equal(again.translation, first.translation)
    np.testing.assert_array_equal(again.racks.centre, first.racks.centre)
    table = root / "v1.0-mini" / "sample_annotation.json"
    table.write_text(table.read_text().replace('"num_lidar_pts": 5', '"num_lidar_pts": 17'))
    changed = open_ground_truth(root, "v1.0-mini", "mini_val", cache=tmp_path / "cache")
    assert changed.lidar_points.tolist() == [17 if n == 5 else n for n in first.lidar_points.tolist()]


def test_a_damaged_cache_is_made_again(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "world", TRACKS)
    for _ in range(2):
        truth = open_ground_truth(root, "v1.0-mini", "mini_val", cache=tmp_path / "cache")
        assert len(truth) == 6
        for file in (tmp_path / "cache").glob("*.npz"):
            file.write_bytes(b"PK damaged")


def test_a_part_holds_its_scenes_and_samples_only(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "world", TRACKS)
    whole = open_ground_truth(root, "v1.0-mini", "mini_val")
    part = part_of(whole, [SCENES[1]], None)
    assert part.tokens == SAMPLES[3:]
    assert part.scene_names == (SCENES[1],)
    assert part.scene_descriptions == whole.scene_descriptions[1:]
    assert [CLASSES[code] for code in part.label] == ["barrier", "barrier"]
    assert part.sample.tolist() == [1, 2]
    assert part_of(whole, None, [SAMPLES[1]]).racks.sample.tolist() == [0]


@pytest.mark.parametrize(
    ("scenes", "samples", "words"),
    [(["scene-9"], None, "scene-9"), (None, ["nobody"], "nobody"), ([SCENES[0]], [SAMPLES[5]], "no sample is in both")],
)
def test_a_part_that_is_not_there_is_refused(tmp_path: Path, scenes: Any, samples: Any, words: str) -> None:
    whole = open_ground_truth(write_folder(tmp_path / "world", TRACKS), "v1.0-mini", "mini_val")
    with pytest.raises(InputError, match=words):
        part_of(whole, scenes, samples)


@pytest.mark.parametrize(("version", "split"), [("v1.0-test", "mini_val"), ("v1.0-mini", "nowhere")])
def test_an_unknown_version_or_split_is_refused(tmp_path: Path, version: str, split: str) -> None:
    root = write_folder(tmp_path / "world", TRACKS)
    with pytest.raises(InputError, match=version if version != "v1.0-mini" else split):
        open_ground_truth(root, version, split)
