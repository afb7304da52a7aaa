"""mAP, NDS and the five errors of one matching under many weightings of its scenes: fast bootstrap replicates."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeldistill.errors import InputError
from labeldistill.evaluation.matches import Matches
from labeldistill.evaluation.predictions import Floats
from labeldistill.evaluation.protocol import TP_METRICS, UNDEFINED_ERRORS, Protocol
from labeldistill.evaluation.weighted import Ranking, Reached, confidence, cut, mean_errors, precision, recall_points

_CHUNK_CELLS = 1_500_000


@dataclass(frozen=True)
class Replicates:
    """Metrics of R weightings; APs in 0..1, errors in the units of `protocol.TP_METRICS`.

    Attributes:
        classes: C class names, in the devkit's order.
        mean_ap, nd_score: [R].
        tp_errors: error -> [R], means over classes.
        label_aps: [R, C], mean over thresholds.
        label_tp_errors: [R, C, 5]; NaN if the class has no such error.
    """

    classes: tuple[str, ...]
    mean_ap: Floats
    nd_score: Floats
    tp_errors: dict[str, Floats]
    label_aps: Floats
    label_tp_errors: Floats

    def of(self, classes: Sequence[str], protocol: Protocol) -> "Replicates":
        """The same replicates with means over some of the classes."""
        columns = [self.classes.index(name) for name in classes]
        aps, errors = self.label_aps[:, columns], self.label_tp_errors[:, columns]
        return _combined(tuple(classes), aps, errors, protocol.mean_ap_weight)


def metrics_from_matches(
    matches: Matches, scene_weights: NDArray[np.int64] | Floats, classes: Sequence[str] | None = None
) -> Replicates:
    """Metrics as if every scene occurred `weight` times in the data set.

    Args:
        matches: one matching (whole or slice).
        scene_weights: [S] or [R, S] whole numbers >= 0, in the order of `matches.scene_names`.
        classes: means are over these; None: all ten.

    Returns:
        Replicates with R rows (1 for weights [S]). Equal to evaluating the resampled data set with the devkit; for
        ties of scores see `weighted`. A replicate without a box of a class counts it as AP 0 and errors 1, as the
        devkit.

    Raises:
        InputError: weights of another length, negative or fractional.
    """
    weights = np.atleast_2d(np.asarray(scene_weights, dtype=np.float64))
    if weights.shape[1] != len(matches.scene_names) or (weights < 0).any() or (weights % 1).any():
        raise InputError(f"scene weights must be whole numbers >= 0, one for each of {len(matches.scene_names)} scenes")
    names = tuple(matches.protocol.class_names if classes is None else classes)
    aps = np.zeros((len(weights), len(names)))
    errors = np.ones((len(weights), len(names), len(TP_METRICS)))
    for column, name in enumerate(names):
        aps[:, column], errors[:, column] = _of_class(matches, name, weights)
        errors[:, column, [(name, metric) in UNDEFINED_ERRORS for metric in TP_METRICS]] = np.nan
    return _combined(names, aps, errors, matches.protocol.mean_ap_weight)


def _combined(names: tuple[str, ...], aps: Floats, errors: Floats, weight: int) -> Replicates:
    mean_ap = aps.mean(axis=1)
    known = ~np.isnan(errors)
    with np.errstate(invalid="ignore"):
        means = np.where(known, errors, 0.0).sum(axis=1) / known.sum(axis=1)
    scores = np.fmax(0.0, 1.0 - means)  # an error that no class has gives a score of 0, as in the devkit
    nds = (weight * mean_ap + scores.sum(axis=1)) / (weight + scores.shape[1])
    by_name = {metric: means[:, column] for column, metric in enumerate(TP_METRICS)}
    return Replicates(names, mean_ap, nds, by_name, aps, errors)


def _of_class(matches: Matches, name: str, weights: Floats) -> tuple[Floats, Floats]:
    """AP [R], mean over thresholds, and errors [R, 5] of one class."""
    protocol = matches.protocol
    wanted = weights @ matches.truth_count(name).astype(np.float64)
    ap, errors = np.zeros(len(weights)), np.ones((len(weights), len(TP_METRICS)))
    defined = [column for column, metric in enumerate(TP_METRICS) if (name, metric) not in UNDEFINED_ERRORS]
    for index, threshold in enumerate(protocol.thresholds_m):
        ranking = Ranking.of(matches, name, index)
        recall = recall_points(protocol)
        for rows, of_hits, reached in _chunks(ranking, weights):
            cuts = cut(ranking, weights[rows], reached, wanted[rows], recall)
            above = np.maximum(precision(cuts) - protocol.min_precision, 0)
            ap[rows] += above.mean(axis=1) / (1.0 - protocol.min_precision)
            if threshold == protocol.tp_threshold_m:
                at = confidence(ranking, cuts, weights[rows])
                errors[rows] = mean_errors(ranking, of_hits, reached, at, defined)
    return ap / len(protocol.thresholds_m), errors


def _chunks(ranking: Ranking, weights: Floats) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int32], Reached]]:
    """Yield chunks of replicates in which something was found: their rows, weights [r, k] of the hits, running sum."""
    hits = len(ranking.hit)
    if not hits:
        return
    scene = ranking.scene[ranking.hit]
    occurs = np.bincount(scene, minlength=ranking.scenes) > 0
    found = np.flatnonzero((weights[:, occurs] > 0).any(axis=1))
    step = max(1, _CHUNK_CELLS // (hits + 1000))
    counts = weights.astype(np.int32)
    for first in range(0, len(found), step):
        rows = found[first : first + step]
        of_hits = np.take(counts[rows], scene, axis=1)
        yield rows, of_hits, Reached(of_hits)
