"""Every known mistake is planted into good predictions and named; good and merely weak ones name none."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from generated_split import Size, generate

from labeldistill.evaluation.ground_truth import GroundTruth
from labeldistill.evaluation.predictions import Predictions
from labeldistill.evaluation.scoring import scored
from labeldistill.geometry.boxes import heading, quaternion_of_yaw
from labeldistill.geometry.classes import CLASSES
from labeldistill.geometry.frames import inverse_pose, quaternion_of_matrix, quaternion_product
from labeldistill.judging.counterfactual import Poses, poses_of
from labeldistill.judging.judge import Judgement, judge
from labeldistill.judging.signatures import signatures
from labeldistill.judging.which_split import Place

World = tuple[Predictions, GroundTruth, Poses]


@pytest.fixture(scope="module")
def world() -> World:
    """Samples whose vehicles stand where the ground truth says and head anywhere; the LiDAR is turned by 90 degrees."""
    found, truth = generate(Size(samples=120, scenes=10, boxes_per_sample=50, skill=0.85))
    turns = quaternion_of_yaw(np.random.default_rng(1).uniform(-np.pi, np.pi, len(truth.tokens)))
    lidar = quaternion_of_yaw(np.full(len(turns), -np.pi / 2)), np.tile([0.9, 0.0, 1.8], (len(turns), 1))
    return found, truth, poses_of((turns, truth.ego), lidar)


def in_frame(found: Predictions, matrix: np.ndarray) -> Predictions:
    """Boxes of the global frame in another one, whose poses are given."""
    back = inverse_pose(matrix)
    own, turn = back[found.sample], quaternion_of_matrix(back[:, :3, :3])[found.sample]
    centre = np.einsum("nij,nj->ni", own[:, :3, :3], found.translation) + own[:, :3, 3]
    speed = np.einsum("nij,nj->ni", own[:, :2, :2], found.velocity)
    return replace(found, translation=centre, rotation=quaternion_product(turn, found.rotation), velocity=speed)


def mirrored(found: Predictions, matrix: np.ndarray) -> Predictions:
    """Headings written as -yaw - pi/2 in a frame, as mmdetection3d's boxes were before 1.0."""
    axis = np.arctan2(matrix[:, 1, 0], matrix[:, 0, 0])[found.sample]
    return replace(found, rotation=quaternion_of_yaw(axis - (heading(found.rotation) - axis) - np.pi / 2))


def renamed(found: Predictions, **names: str) -> Predictions:
    order = np.arange(len(CLASSES), dtype=np.int8)
    for old, new in names.items():
        order[CLASSES.index(old)] = CLASSES.index(new)
    return replace(found, label=order[found.label])


PLANTED: dict[str, tuple[Callable[[Predictions, Poses], Predictions], str]] = {
    "swapped": (lambda found, _: replace(found, size=found.size[:, [1, 0, 2]]), "width and length are swapped"),
    "yaw in LiDAR": (lambda found, at: mirrored(found, at.to_global("LiDAR")), "yaw is -yaw - pi/2 in the LiDAR frame"),
    "yaw in global": (
        lambda found, at: mirrored(found, np.tile(np.eye(4), (len(found.tokens), 1, 1))),
        "yaw is -yaw - pi/2 in the global frame",
    ),
    "quarter": (
        lambda found, _: replace(found, rotation=quaternion_of_yaw(heading(found.rotation) + np.pi / 2)),
        "yaw is a quarter too far",
    ),
    "ego": (lambda found, at: in_frame(found, at.to_global("ego")), "boxes are in the ego frame"),
    "LiDAR": (lambda found, at: in_frame(found, at.to_global("LiDAR")), "boxes are in the LiDAR frame"),
    "permuted": (
        lambda found, _: renamed(found, car="pedestrian", pedestrian="traffic_cone", traffic_cone="car"),
        "classes are permuted",
    ),
    "missing": (lambda found, _: found.rows(found.label != CLASSES.index("pedestrian")), "class missing: pedestrian"),
}


def names(found: Predictions, truth: GroundTruth, poses: Poses) -> list[str]:
    return [each.name for each in signatures(found, truth, scored(found, truth).metrics, lambda: poses)]


@pytest.mark.parametrize("mistake", PLANTED)
def test_a_planted_mistake_is_named_and_no_other(world: World, mistake: str) -> None:
    found, truth, poses = world
    plant, name = PLANTED[mistake]
    assert names(plant(found, poses), truth, poses) == [name]


def test_two_mistakes_at_once_are_both_named(world: World) -> None:
    found, truth, poses = world
    broken = in_frame(replace(found, size=found.size[:, [1, 0, 2]]), poses.to_global("LiDAR"))
    assert names(broken, truth, poses) == ["boxes are in the LiDAR frame", "width and length are swapped"]


@pytest.mark.parametrize("skill", [0.9, 0.1])
def test_good_and_weak_files_name_nothing_and_read_no_pose(skill: float) -> None:
    found, truth = generate(Size(samples=120, scenes=10, boxes_per_sample=50, skill=skill), seed=3)

    def unread() -> Poses:
        raise AssertionError("poses are large and not needed here")

    assert signatures(found, truth, scored(found, truth).metrics, unread) == []


def test_random_headings_and_sizes_are_weak_not_a_convention(world: World) -> None:
    found, truth, poses = world
    random = np.random.default_rng(0)
    turned = quaternion_of_yaw(random.uniform(-np.pi, np.pi, len(found)))
    assert names(replace(found, rotation=turned, size=random.permuted(found.size, axis=1)), truth, poses) == []


def test_no_boxes_at_all_is_named(world: World) -> None:
    found, truth, poses = world
    assert names(found.rows(np.zeros(len(found), bool)), truth, poses)[0] == "no box at all"


REAL = Path(os.environ.get("LABELDISTILL_SHARED", "")) / "real_nuscenes"
real = pytest.mark.skipif(not REAL.is_dir(), reason="real nuScenes tables are not part of a clone")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Judgement:
    place = Place(REAL / "nuscenes", cache=tmp_path_factory.mktemp("cache"))
    return judge(REAL / "results" / "jitter_mini_val" / "results_nusc.json", place)


@real
def test_a_good_file_on_real_tables_names_nothing(good: Judgement) -> None:
    assert (good.signatures, good.scored.split, good.claims) == ([], "mini_val", [])
    assert round(good.scored.result.metrics.nd_score, 4) == 0.4259  # the devkit's


@real
@pytest.mark.parametrize("mistake", PLANTED)
def test_mistakes_are_named_on_real_tables(good: Judgement, mistake: str) -> None:
    plant, name = PLANTED[mistake]
    poses = good.scored.poses()
    assert names(plant(good.scored.predictions, poses), good.scored.truth, poses) == [name]
