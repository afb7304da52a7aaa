"""Intervals of real matchings of a made-up data set: against the bootstrap done by hand, slices, paired runs."""

from dataclasses import replace

import numpy as np
import pytest
from generated_split import Size, generate

from labeldistill.errors import InputError
from labeldistill.evaluation.matches import Matches
from labeldistill.evaluation.matching import match
from labeldistill.evaluation.metrics import all_curves, metrics_of
from labeldistill.evaluation.replicates import metrics_from_matches
from labeldistill.statistics.bootstrap import scene_interval, scene_weights
from labeldistill.statistics.scene_scores import paired_scene_differences, scene_intervals, variant_intervals

SIZE = Size(samples=60, scenes=12, truths_per_sample=20, boxes_per_sample=30)


@pytest.fixture(scope="module")
def runs() -> list[Matches]:
    """Three runs on one data set: the second one drops boxes, the third one loses skill."""
    predictions, truth = generate(SIZE)
    rng = np.random.default_rng(0)
    kept = [np.arange(len(predictions)), *(np.flatnonzero(rng.random(len(predictions)) < p) for p in (0.97, 0.6))]
    return [match(predictions.rows(rows), truth) for rows in kept]


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
    both = variant_intervals(runs, replicates=200)["mAP"]
    alone = [scene_intervals(run, replicates=200)["mAP"] for run in runs]
    assert both.value == pytest.approx(np.mean([interval.value for interval in alone]))
    assert both.high - both.low > max(interval.high - interval.low for interval in alone)
    assert both.source == "seeds and scenes"
    assert "nothing is said about other seeds" in variant_intervals(runs[:1], replicates=50)["mAP"].caveat


def test_paired_runs_see_what_single_intervals_hide(runs: list[Matches]) -> None:
    interval, p = paired_scene_differences(runs[2], runs[0], replicates=500)["mAP"]
    assert interval.high < 0
    assert p < 0.05
    single = scene_intervals(runs[0], replicates=500)["mAP"]
    assert interval.high - interval.low < single.high - single.low
    same, p = paired_scene_differences(runs[0], runs[0], replicates=50)["mAP"]
    assert (same.low, same.high, p) == (0.0, 0.0, 1.0)


def test_runs_of_other_scenes_are_refused(runs: list[Matches]) -> None:
    other = replace(runs[0], scene_names=tuple(f"x{name}" for name in runs[0].scene_names))
    for call in (lambda: variant_intervals([runs[0], other]), lambda: paired_scene_differences(runs[0], other)):
        with pytest.raises(InputError, match="same scenes"):
            call()
