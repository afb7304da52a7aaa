"""Scores of a real matching with intervals over scenes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from labeldistill.evaluation.matches import Matches
from labeldistill.evaluation.metrics import OVERALL
from labeldistill.evaluation.replicates import Replicates, metrics_from_matches
from labeldistill.statistics.bootstrap import Floats, Interval, scene_interval, scene_weights

REPLICATES = 1000

Weights = NDArray[np.int64]


def scenes_present(run: Matches) -> Weights:
    """Scenes with a prediction or an annotated box; in a slice, others may be empty."""
    return np.unique(np.concatenate([run.scene, run.truth.scene]).astype(np.int64))


def _weights(run: Matches, replicates: int, seed: int) -> tuple[Weights, int]:
    """[1 + replicates, S] weights: every scene once, then draws among the scenes present; and the number of these."""
    present = scenes_present(run)
    weights = np.zeros((replicates + 1, len(run.scene_names)), dtype=np.int64)
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
    weights, scenes = _weights(run, replicates, seed)
    scores = overall_scores(run, weights, classes)
    return {m: scene_interval(float(v[0]), v[1:], scenes, confidence=confidence) for m, v in scores.items()}
