"""Scores of real matchings with intervals: over scenes for one run, over seeds and scenes for a variant."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeldistill.errors import InputError
from labeldistill.evaluation.matches import Matches
from labeldistill.evaluation.metrics import OVERALL
from labeldistill.evaluation.replicates import Replicates, metrics_from_matches
from labeldistill.statistics.bootstrap import Floats, Interval, paired_scene_test, scene_interval, scene_weights
from labeldistill.statistics.combined import seeds_and_scenes

REPLICATES = 1000

Weights = NDArray[np.int64]


def scenes_present(runs: Sequence[Matches]) -> Weights:
    """Scenes with a prediction of some run or an annotated box; in a slice, others may be empty."""
    return np.unique(np.concatenate([part for run in runs for part in (run.scene, run.truth.scene)]).astype(np.int64))


def _weights(runs: Sequence[Matches], replicates: int, seed: int) -> tuple[Weights, int]:
    """[1 + replicates, S] weights: every scene once, then draws among the scenes present; and the number of these."""
    present = scenes_present(runs)
    weights = np.zeros((replicates + 1, len(runs[0].scene_names)), dtype=np.int64)
    weights[0, present] = 1
    if len(present):
        weights[1:, present] = scene_weights(len(present), replicates, seed)
    return weights, len(present)


def overall_scores(run: Matches, weights: Weights, classes: Sequence[str] | None = None) -> dict[str, Floats]:
    """Metric -> [R]: mAP, NDS and the five errors for scene weights [R, S]; see `metrics_from_matches`."""
    return overall_of(metrics_from_matches(run, weights, classes))


def overall_of(found: Replicates) -> dict[str, Floats]:
    """Metric -> [R]: mAP, NDS and the five errors of replicates."""
    return {metric: value_of(found) for metric, value_of in OVERALL.items()}


def scene_intervals(
    run: Matches,
    *,
    classes: Sequence[str] | None = None,
    confidence: float = 0.95,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> dict[str, Interval]:
    """mAP, NDS and the five errors of one run (or slice of it) with scene-bootstrap intervals.

    Args:
        run: one matching; APs in 0..1, errors in nuScenes' units.
        classes: means are over these; None: all ten.
        confidence, replicates, seed: options of the bootstrap.
    """
    weights, scenes = _weights([run], replicates, seed)
    scores = overall_scores(run, weights, classes)
    return {m: scene_interval(float(v[0]), v[1:], scenes, confidence=confidence) for m, v in scores.items()}


def variant_intervals(
    runs: Sequence[Matches], *, confidence: float = 0.95, replicates: int = REPLICATES, seed: int = 0
) -> dict[str, Interval]:
    """mAP, NDS and the five errors of a variant, with intervals over seeds and scenes.

    Args:
        runs: one matching per seed, on the same scenes.
        confidence: confidence of the intervals, in 0..1.
        replicates: number of draws of scenes.
        seed: seed of the draws.

    Raises:
        InputError: the runs were not scored on the same scenes.
    """
    _same_scenes(runs)
    weights, scenes = _weights(runs, replicates, seed)
    scores = [overall_scores(run, weights, None) for run in runs]
    stacked = {metric: np.stack([of_run[metric] for of_run in scores]) for metric in scores[0]}
    return {m: seeds_and_scenes(v[:, 0], v[:, 1:], scenes, confidence=confidence) for m, v in stacked.items()}


def paired_scene_differences(
    ours: Matches, theirs: Matches, *, confidence: float = 0.95, replicates: int = REPLICATES, seed: int = 0
) -> dict[str, tuple[Interval, float]]:
    """Difference of two runs on the same scenes, per metric: interval over scenes and two-sided p value.

    Args:
        ours: matching of one run.
        theirs: matching of the other run, which is subtracted.
        confidence: confidence of the intervals, in 0..1.
        replicates: number of draws of scenes.
        seed: seed of the draws.

    Raises:
        InputError: the runs were not scored on the same scenes.
    """
    _same_scenes([ours, theirs])
    weights, scenes = _weights([ours, theirs], replicates, seed)
    one, other = overall_scores(ours, weights, None), overall_scores(theirs, weights, None)
    found: dict[str, tuple[Interval, float]] = {}
    for metric in one:
        difference = one[metric] - other[metric]
        interval = scene_interval(float(difference[0]), difference[1:], scenes, confidence=confidence)
        found[metric] = interval, paired_scene_test(float(difference[0]), difference[1:], scenes)
    return found


def _same_scenes(runs: Sequence[Matches]) -> None:
    first: Any = runs[0].scene_names
    if any(run.scene_names != first for run in runs[1:]):
        raise InputError("the runs were not scored on the same scenes")
