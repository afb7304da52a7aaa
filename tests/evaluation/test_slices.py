"""Slices against brute force on the rows that they should contain."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from generated_split import Size, generate

from labeldistill.errors import InputError
from labeldistill.evaluation.eligible import ego_distance
from labeldistill.evaluation.ground_truth import GroundTruth
from labeldistill.evaluation.matches import IGNORED, NOTHING
from labeldistill.evaluation.matching import match
from labeldistill.evaluation.metrics import Metrics, all_curves, metrics_of
from labeldistill.evaluation.predictions import Predictions
from labeldistill.evaluation.replicates import metrics_from_matches
from labeldistill.evaluation.slices import parse, slices_of

WORLD = generate(Size(samples=60, scenes=10, truths_per_sample=20, boxes_per_sample=40), 7)


def plain(predictions: Predictions, truth: GroundTruth, classes: Any = None) -> Metrics:
    matches = match(predictions, truth)
    return metrics_of(all_curves(matches), matches.protocol, classes)


def parts(criterion: str) -> dict[str, Any]:
    predictions, truth = WORLD
    return {one.part: one for one in slices_of([criterion], predictions, truth, match(predictions, truth))}


def kept(truth: GroundTruth, rows: Any) -> GroundTruth:
    names = ("sample", "translation", "size", "rotation", "velocity", "label", "attribute")
    names += ("points", "lidar_points", "visibility")
    return replace(truth, **{name: getattr(truth, name)[rows] for name in names})


def test_a_distance_slice_equals_scoring_only_the_boxes_of_that_distance() -> None:
    predictions, truth = WORLD
    got = parts("distance")
    assert list(got) == ["0-20 m", "20-30 m", "30+ m"]
    for part, (low, high) in zip(got.values(), [(0, 20), (20, 30), (30, math.inf)], strict=True):
        mine = ego_distance(predictions.translation, truth.ego[predictions.sample])
        theirs = ego_distance(truth.translation, truth.ego[truth.sample])
        inside = predictions.rows((mine >= low) & (mine < high))
        want = plain(inside, kept(truth, (theirs >= low) & (theirs < high)), part.classes)
        assert part.metrics().nd_score == pytest.approx(want.nd_score, abs=1e-12)
        assert list(part.metrics().label_aps) == list(want.label_aps)


def test_cones_and_barriers_are_no_part_of_the_far_slice() -> None:
    assert set(parts("distance")["30+ m"].classes).isdisjoint({"traffic_cone", "barrier"})


def test_own_distances_are_taken() -> None:
    assert list(parts("distance=0-15,15-40.5,40.5-")) == ["0-15 m", "15-40.5 m", "40.5+ m"]


@pytest.mark.parametrize("criterion", ["height", "distance=20-10", "distance=a", "scene=1-2", "distance=5"])
def test_an_unknown_slice_is_refused(criterion: str) -> None:
    with pytest.raises(InputError):
        parse(criterion)


@pytest.mark.parametrize("criterion", ["scene", "time", "weather"])
def test_scene_slices_equal_scoring_only_their_samples(criterion: str) -> None:
    predictions, truth = WORLD
    got = parts(criterion)
    night = [index % 10 == 0 for index in range(10)]
    expected = {"time": {"day": ~np.array(night), "night": np.array(night)}}
    expected["weather"] = {"dry": ~np.array(night), "rain": np.array(night)}
    expected["scene"] = {name: np.arange(10) == index for index, name in enumerate(truth.scene_names)}
    assert set(got) == set(expected[criterion])
    for name, part in got.items():
        chosen = expected[criterion][name][truth.scene]
        want = plain(predictions.rows(chosen[predictions.sample]), kept(truth, chosen[truth.sample]), part.classes)
        assert part.metrics().nd_score == pytest.approx(want.nd_score, abs=1e-12)
        again = metrics_from_matches(match(*WORLD), expected[criterion][name].astype(np.int64), part.classes)
        assert again.nd_score[0] == pytest.approx(want.nd_score, abs=1e-12)


def test_a_visibility_slice_ignores_what_found_other_boxes() -> None:
    predictions, truth = WORLD
    matches = match(predictions, truth)
    for code, part in enumerate(parts("visibility").values(), start=1):
        wanted = matches.truth.visibility == code
        numbers = np.flatnonzero(wanted).tolist()
        for index in range(4):
            for row in range(len(matches)):
                found, widest = matches.box[index, row], matches.box[-1, row]
                if found >= 0 and wanted[found]:
                    assert numbers[part.matches.box[index, row]] == found
                elif (found >= 0 and not wanted[found]) or (widest >= 0 and not wanted[widest]):
                    assert part.matches.box[index, row] == IGNORED
                else:
                    assert part.matches.box[index, row] == NOTHING
        for index, errors in enumerate(part.matches.errors):
            old = matches.box[index]
            np.testing.assert_allclose(errors, matches.errors[index][wanted[old[old >= 0]]], rtol=1e-12)


def test_perfect_predictions_are_perfect_in_every_truth_slice() -> None:
    _, truth = WORLD
    seen = kept(truth, truth.points > 0)
    exact = Predictions(
        truth.tokens, seen.sample, seen.translation, seen.size, seen.rotation, seen.velocity, seen.label,
        np.linspace(1, 0.5, len(seen)), seen.attribute,
    )  # fmt: skip
    matches = match(exact, seen)
    for part in slices_of(["visibility", "lidar_points", "distance"], exact, seen, matches):
        assert part.metrics().mean_ap == pytest.approx(1.0)


def test_slices_can_be_reweighted_by_scene() -> None:
    for part in parts("lidar_points").values():
        got = metrics_from_matches(part.matches, np.ones(10, dtype=np.int64), part.classes)
        assert got.nd_score[0] == pytest.approx(part.metrics().nd_score, abs=1e-12)
