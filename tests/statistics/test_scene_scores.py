"""Intervals of real matchings on a generated data set: against a bootstrap by hand, slices, paired runs."""

import numpy as np
import pytest
from generated_split import Size, generate

from labeldistill.evaluation.matches import Matches
from labeldistill.evaluation.matching import match
from labeldistill.evaluation.metrics import all_curves, metrics_of
from labeldistill.evaluation.replicates import metrics_from_matches
from labeldistill.statistics.bootstrap import Interval, paired_scene_test, scene_interval, scene_weights
from labeldistill.statistics.combined import seeds_and_scenes
from labeldistill.statistics.scene_scores import overall_scores, scene_intervals

SIZE = Size(samples=60, scenes=12, truths_per_sample=20, boxes_per_sample=30)


@pytest.fixture(scope="module")
def runs() -> list[Matches]:
    """Three runs on one data set: the second one drops boxes, the third one loses skill."""
    predictions, truth = generate(SIZE)
    rng = np.random.default_rng(0)
    kept = [np.arange(len(predictions)), *(np.flatnonzero(rng.random(len(predictions)) < p) for p in (0.97, 0.6))]
    return [match(predictions.rows(rows), truth) for rows in kept]


def drawn(run: Matches, replicates: int) -> np.ndarray:
    """mAP with every scene once, then for each draw of scenes."""
    weights = np.concatenate([np.ones((1, SIZE.scenes), np.int64), scene_weights(SIZE.scenes, replicates)])
    return overall_scores(run, weights, None)["mAP"]


def over_both(runs: list[Matches], replicates: int) -> Interval:
    scores = np.stack([drawn(run, replicates) for run in runs])
    return seeds_and_scenes(scores[:, 0], scores[:, 1:], SIZE.scenes, confidence=0.95)


def paired(ours: Matches, theirs: Matches, replicates: int) -> tuple[Interval, float]:
    difference = drawn(ours, replicates) - drawn(theirs, replicates)
    interval = scene_interval(float(difference[0]), difference[1:], SIZE.scenes)
    return interval, paired_scene_test(float(difference[0]), difference[1:], SIZE.scenes)


def test_one_run_is_the_bootstrap_by_hand(runs: list[Matches]) -> None:
    found = scene_intervals(runs[0], replicates=200)
    by_hand = metrics_from_matches(runs[0], scene_weights(12, 200))
    metrics = metrics_of(all_curves(runs[0]), runs[0].protocol)
    assert found["mAP"].value == pytest.approx(metrics.mean_ap)
    assert found["NDS"].value == pytest.approx(metrics.nd_score)
    assert found["mAOE"].value == pytest.approx(metrics.tp_errors["orient_err"])
    assert found["NDS"] == scene_interval(found["NDS"].value, by_hand.nd_score, 12)
    assert found["mAP"].low < found["mAP"].value < found["mAP"].high


def test_a_slice_draws_among_its_own_scenes_only(runs: list[Matches]) -> None:
    part = runs[0].of_scenes(np.arange(12) < 9)
    found = scene_intervals(part, replicates=200)
    draws = np.zeros((200, 12), dtype=np.int64)
    draws[:, :9] = scene_weights(9, 200)
    expected = scene_interval(found["mAP"].value, metrics_from_matches(part, draws).mean_ap, 9)
    assert found["mAP"] == expected
    alone = scene_intervals(runs[0].of_scenes(np.arange(12) == 3), replicates=20)
    assert "1 scene:" in alone["mAP"].caveat


def test_seeds_widen_the_interval_of_scenes(runs: list[Matches]) -> None:
    both = over_both(runs, 200)
    alone = [scene_intervals(run, replicates=200)["mAP"] for run in runs]
    assert both.value == pytest.approx(np.mean([interval.value for interval in alone]))
    assert both.high - both.low > max(interval.high - interval.low for interval in alone)
    assert both.source == "seeds and scenes"
    assert "nothing is said about other seeds" in over_both(runs[:1], 50).caveat


def test_paired_runs_see_what_single_intervals_hide(runs: list[Matches]) -> None:
    interval, p = paired(runs[2], runs[0], 500)
    assert interval.high < 0
    assert p < 0.05
    single = scene_intervals(runs[0], replicates=500)["mAP"]
    assert interval.high - interval.low < single.high - single.low
    same, p = paired(runs[0], runs[0], 50)
    assert (same.low, same.high, p) == (0.0, 0.0, 1.0)
