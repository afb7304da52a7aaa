"""Replicates against evaluating the resampled data set itself."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from generated_split import Size, generate
from hypothesis import given, settings
from hypothesis import strategies as st

from labeldistill.errors import InputError
from labeldistill.evaluation.ground_truth import GroundTruth, Racks
from labeldistill.evaluation.matching import match
from labeldistill.evaluation.metrics import all_curves, metrics_of
from labeldistill.evaluation.predictions import Predictions
from labeldistill.evaluation.replicates import Replicates, metrics_from_matches

SMALL = Size(samples=24, scenes=6, truths_per_sample=25, boxes_per_sample=40)


def repeated(predictions: Predictions, truth: GroundTruth, weights: Any) -> tuple[Predictions, GroundTruth]:
    """The data set in which every scene occurs `weight` times, as columns."""
    copies = np.asarray(weights)[truth.scene]
    rows = np.repeat(np.arange(len(truth.tokens)), copies)
    tokens = tuple(f"{truth.tokens[row]}-{n}" for n, row in enumerate(rows))

    def of_samples(sample: Any) -> tuple[Any, Any]:
        picked = [np.flatnonzero(sample == row) for row in rows]
        return np.concatenate(picked), np.repeat(np.arange(len(rows), dtype=np.int32), [len(p) for p in picked])

    index, sample = of_samples(predictions.sample)
    boxes = replace(predictions.rows(index), tokens=tokens, sample=sample)
    index, sample = of_samples(truth.sample)
    names = ("translation", "size", "rotation", "velocity", "label", "attribute")
    names += ("points", "lidar_points", "visibility")
    columns = {name: getattr(truth, name)[index] for name in names}
    racks, of_rack = of_samples(truth.racks.sample)
    there = Racks(of_rack, truth.racks.centre[racks], truth.racks.size[racks], truth.racks.rotation[racks])
    more = {"tokens": tokens, "scene": truth.scene[rows], "ego": truth.ego[rows], "sample": sample, "racks": there}
    return boxes, replace(truth, **more, **columns)


def check(world: tuple[Predictions, GroundTruth], weights: Any, got: Replicates, row: int = 0) -> None:
    matches = match(*repeated(*world, weights))
    want = metrics_of(all_curves(matches), matches.protocol)
    assert got.mean_ap[row] == pytest.approx(want.mean_ap, abs=1e-12)
    assert got.nd_score[row] == pytest.approx(want.nd_score, abs=1e-12)
    assert {name: of[row] for name, of in got.tp_errors.items()} == pytest.approx(
        want.tp_errors, abs=1e-12, nan_ok=True
    )
    np.testing.assert_allclose(got.label_aps[row], list(want.mean_dist_aps.values()), atol=1e-12)
    per_class = [list(errors.values()) for errors in want.label_tp_errors.values()]
    np.testing.assert_allclose(got.label_tp_errors[row], per_class, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.lists(st.integers(0, 7), min_size=6, max_size=6).filter(any), st.floats(0.05, 1))
def test_weights_equal_evaluating_the_resampled_data_set(seed: int, weights: list[int], skill: float) -> None:
    world = generate(replace(SMALL, skill=skill), seed)
    check(world, weights, metrics_from_matches(match(*world), np.array(weights)))


def test_many_replicates_at_once_equal_one_by_one() -> None:
    world = generate(SMALL, 3)
    weights = np.random.default_rng(1).multinomial(6, np.full(6, 1 / 6), 30)
    got = metrics_from_matches(match(*world), weights)
    for row in (0, 11, 29):
        check(world, weights[row], got, row)


def test_weights_of_one_are_the_plain_metrics() -> None:
    matches = match(*generate(Size(samples=300, scenes=30, boxes_per_sample=80), 5))
    want = metrics_of(all_curves(matches), matches.protocol)
    got = metrics_from_matches(matches, np.ones(30, dtype=np.int64))
    assert got.mean_ap[0] == pytest.approx(want.mean_ap, abs=1e-14)
    assert got.nd_score[0] == pytest.approx(want.nd_score, abs=1e-14)


def test_equal_scores_on_weights_of_one_keep_the_devkit_order() -> None:
    predictions, truth = generate(SMALL, 4)
    tied = replace(predictions, score=np.round(predictions.score, 1))
    matches = match(tied, truth)
    got = metrics_from_matches(matches, np.ones(6, dtype=np.int64))
    assert got.mean_ap[0] == pytest.approx(metrics_of(all_curves(matches), matches.protocol).mean_ap, abs=1e-14)


def test_a_replicate_without_any_scene_has_found_nothing() -> None:
    got = metrics_from_matches(match(*generate(SMALL)), np.zeros(6, dtype=np.int64))
    assert (got.mean_ap[0], got.nd_score[0]) == (0.0, 0.0)
    assert all((error == 1.0).all() for error in got.tp_errors.values())


@pytest.mark.parametrize("weights", [[1, 1], [1, 1, 1, 1, 1, -1], [0.5, 1, 1, 1, 1, 1]])
def test_other_weights_are_refused(weights: list[float]) -> None:
    with pytest.raises(InputError, match="whole numbers"):
        metrics_from_matches(match(*generate(SMALL)), np.array(weights))
