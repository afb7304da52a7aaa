"""Our numbers against the unmodified devkit's on adversarial worlds, through files and tables, to 1e-9."""

import json
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_nuscenes import ATTRIBUTES, CATEGORIES, SAMPLES, SCENES, Track, box, write_folder, write_results

from labeldistill.errors import InputError
from labeldistill.evaluation.evaluate import evaluate
from labeldistill.evaluation.result import Evaluation
from labeldistill.evaluation.scoring_task import ScoringOptions, ScoringTask
from labeldistill.geometry.classes import CLASSES

# Coarse grids on purpose: equal distances, distances of exactly a threshold, duplicated boxes and scores.
NEAR = st.sampled_from([-1.0, -0.5, 0.0, 0.3, 0.4, 0.5, 1.0, 2.0, 4.0])
FAR = st.sampled_from([-60.0, -40.0, -30.0, -29.5, 0.0, 3.0, 10.0, 29.5, 30.0, 39.5, 40.0, 49.5, 50.0])
SCORES = st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.5, 0.9, 1.0]) | st.floats(0, 1)
SPEEDS = st.sampled_from([0.0, 1.0, -3.0, math.nan, 1e6])
SIZES = st.sampled_from([(2.0, 4.0, 1.5), (0.5, 2.0, 1.0), (4.0, 2.0, 1.5), (1e-3, 1.0, 1.0)])
NAMES = st.sampled_from(["car", "car", "bicycle", "motorcycle", "barrier", "pedestrian", "traffic_cone", "trailer"])


@st.composite
def rotations(draw: Any) -> tuple[float, float, float, float]:
    yaw = draw(st.sampled_from([0.0, math.pi / 2, math.pi, -math.pi / 2, 0.3, 3.0]) | st.floats(-4, 4))
    length, tilt = draw(st.sampled_from([1.0, 1.0, -1.0, 2.5])), draw(st.sampled_from([0.0, 0.0, 0.1]))
    return (length * math.cos(yaw / 2), length * tilt, 0.0, length * math.sin(yaw / 2))


@st.composite
def places(draw: Any) -> tuple[float, float, float]:
    return (draw(FAR) + draw(NEAR), draw(FAR) + draw(NEAR), 0.0)


@st.composite
def tracks(draw: Any) -> Track:
    category = draw(st.sampled_from(CATEGORIES))
    scene, start = draw(st.integers(0, 1)), draw(st.integers(0, 2))
    seen = draw(st.lists(places(), min_size=1, max_size=3 - start))
    rack = category == "static_object.bicycle_rack"
    return Track(
        category=category,
        first=3 * scene + start,
        places=tuple(seen),
        size=draw(SIZES),
        rotation=(1.0, 0.0, 0.0, 0.0) if rack else draw(rotations()),
        attribute=draw(st.sampled_from(["", *ATTRIBUTES])),
        lidar_points=draw(st.sampled_from([0, 0, 1, 9])),
        radar_points=draw(st.sampled_from([0, 0, 2])),
    )


@st.composite
def boxes(draw: Any, around: list[Track]) -> dict[str, Any]:
    chosen = draw(st.sampled_from(around))
    step = draw(st.integers(0, len(chosen.places) - 1))
    x, y, z = chosen.places[step]
    near = (x + draw(NEAR), y + draw(NEAR), z)
    place, sample = draw(st.sampled_from([(near, chosen.first + step), (draw(places()), draw(st.integers(0, 5)))]))
    return box(
        sample,
        place,
        draw(NAMES),
        draw(SCORES),
        size=draw(SIZES),
        rotation=draw(rotations()),
        velocity=[draw(SPEEDS), draw(SPEEDS)],
        attribute_name=draw(st.sampled_from(["", *ATTRIBUTES])),
    )


@st.composite
def worlds(draw: Any) -> tuple[list[Track], list[dict[str, Any]], tuple[int, ...]]:
    truth = draw(st.lists(tracks(), min_size=1, max_size=14))
    predicted = draw(st.lists(boxes(truth), max_size=30))
    again = [dict(one) for one in predicted[: draw(st.integers(0, len(predicted)))]]  # duplicated boxes
    return truth, predicted + again, tuple(draw(st.permutations(range(len(SAMPLES)))))


def agreed(
    truth: list[Track], predicted: list[dict[str, Any]], order: Any = tuple(range(6)), **more: Any
) -> Evaluation:
    """Score with both; raises GateError where they differ."""
    with tempfile.TemporaryDirectory() as folder:
        root = write_folder(Path(folder) / "world", truth)
        results = write_results(Path(folder) / "results.json", predicted, order)
        task = ScoringTask(root, "v1.0-mini", **{"split": "mini_val", **more})
        return evaluate(results, task, Path(folder) / "out", ScoringOptions(arbiter=True))


@settings(max_examples=40, deadline=None)
@given(worlds())
def test_agrees_with_the_devkit_on_adversarial_worlds(world: Any) -> None:
    result = agreed(*world)
    assert result.agreement is not None
    assert result.agreement.difference <= 1e-9


@settings(max_examples=8, deadline=None)
@given(
    worlds(), st.sampled_from([{"scenes": (SCENES[1],)}, {"samples": (SAMPLES[4], SAMPLES[1])}, {"split": "second"}])
)
def test_parts_of_a_split_agree_with_the_devkit(world: Any, part: dict[str, Any]) -> None:
    truth, predicted, order = world
    if part == {"split": "second"}:
        inside = [one for one in predicted if one["sample_token"] in SAMPLES[3:]]
        with tempfile.TemporaryDirectory() as folder:
            root = write_folder(Path(folder) / "world", [*truth, CAR])
            results = Path(folder) / "results.json"
            write_results(results, inside, (3, 4, 5))
            assert (
                evaluate(results, ScoringTask(root, "v1.0-mini", "second"), None, ScoringOptions(arbiter=True)).partial
                is None
            )
        return
    result = agreed([*truth, CAR], predicted, order, **part)
    assert result.partial == {key: list(value) for key, value in part.items()}


CAR = Track("vehicle.car", 3, ((5.0, 0.0, 0.0), (6.0, 0.0, 0.0)), attribute="vehicle.moving")


def test_one_class_found_perfectly() -> None:
    found = [box(3, (5.0, 0.0, 0.0), "car", 0.9), box(4, (6.0, 0.0, 0.0), "car", 0.8)]
    result = agreed([CAR], found)
    assert result.metrics.mean_dist_aps["car"] == pytest.approx(1.0)
    assert result.metrics.mean_ap == pytest.approx(0.1)


def test_no_box_predicted_at_all() -> None:
    assert agreed([CAR], []).metrics.nd_score == 0.0


def test_every_box_out_of_range() -> None:
    assert agreed([CAR], [box(3, (300.0, 0.0, 0.0), "car", 0.9)]).metrics.mean_ap == 0.0


def test_a_distance_of_exactly_the_threshold_is_no_match() -> None:
    result = agreed([CAR], [box(3, (5.5, 0.0, 0.0), "car", 0.9), box(4, (6.0, 0.5, 0.0), "car", 0.9)])
    assert [result.metrics.label_aps["car"][at] for at in (0.5, 1.0)] == pytest.approx([0.0, 1.0])


def test_equal_scores_go_by_row_from_the_last() -> None:
    """Of two equal scores the later box is first in line: here it misses, so precision starts at 0."""
    hit, miss = box(3, (5.0, 0.0, 0.0), "car", 0.5), box(3, (5.0, 20.0, 0.0), "car", 0.5)
    first, last = (agreed([CAR], pair).metrics.label_aps["car"][2.0] for pair in ([hit, miss], [miss, hit]))
    assert first < last


def test_bicycles_in_a_rack_are_left_out_and_cars_stay() -> None:
    rack = Track("static_object.bicycle_rack", 0, ((10.0, 0.0, 0.0),), size=(2.0, 8.0, 2.0))
    bicycle = Track("vehicle.bicycle", 0, ((12.0, 0.5, 0.0),))
    outside = Track("vehicle.bicycle", 0, ((20.0, 0.0, 0.0),))
    car = Track("vehicle.car", 0, ((12.0, 0.5, 0.0),))
    result = agreed([rack, bicycle, outside, car], [box(0, (12.0, 0.5, 0.0), name, 0.9) for name in ("bicycle", "car")])
    assert int(result.matches.truth_count("bicycle").sum()) == 1
    assert int(result.matches.truth_count("car").sum()) == 1
    assert len(result.matches) == 1


def test_a_barrier_looks_the_same_after_half_a_turn() -> None:
    turned = (0.0, 0.0, 0.0, 1.0)
    truth = [Track("movable_object.barrier", 0, ((5.0, 0.0, 0.0),)), Track("vehicle.car", 0, ((5.0, 9.0, 0.0),))]
    found = [
        box(0, (5.0, 0.0, 0.0), "barrier", 0.9, rotation=turned),
        box(0, (5.0, 9.0, 0.0), "car", 0.9, rotation=turned),
    ]
    errors = agreed(truth, found).metrics.label_tp_errors
    assert errors["barrier"]["orient_err"] == pytest.approx(0.0, abs=1e-12)
    assert errors["car"]["orient_err"] == pytest.approx(math.pi)


def test_five_hundred_boxes_a_sample_in_one_cluster() -> None:
    random = np.random.default_rng(0)
    crowd = [Track("vehicle.car", s, ((5 + x / 4, y / 4, 0.0),)) for s in (0, 3) for x in range(6) for y in range(6)]
    found = [
        box(s, (5 + dx, dy, 0.0), "car", score)
        for s in (0, 3)
        for dx, dy, score in zip(*random.uniform(0, 2, (2, 500)), np.round(random.random(500), 2), strict=True)
    ]
    assert agreed(crowd, found).agreement.difference <= 1e-9


def test_an_official_name_never_means_a_folders_own_scenes(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "world", [CAR], version="v1.0-trainval")
    splits = root / "v1.0-trainval" / "splits.json"
    splits.write_text(json.dumps({"train": ["scene-0103"]}))
    results = write_results(tmp_path / "r.json", [box(0, (5.0, 0.0, 0.0), "car", 0.5)])
    with pytest.raises(InputError, match=r"splits.json: train: `train` is an official split of 700 scenes"):
        evaluate(results, ScoringTask(root, "v1.0-trainval", "train"), None)


def test_every_class_counts() -> None:
    assert set(CLASSES) == set(agreed([CAR], []).metrics.label_aps)
