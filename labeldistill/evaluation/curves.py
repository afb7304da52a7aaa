"""Precision, confidence and error curves over recall, and the metrics taken from them, as the devkit computes them."""

from dataclasses import dataclass, fields

import numpy as np

from labeldistill.evaluation.matches import IGNORED, Matches
from labeldistill.evaluation.predictions import Floats
from labeldistill.evaluation.protocol import RECALL_POINTS, TP_METRICS, Protocol

RECALL: Floats = np.linspace(0, 1, RECALL_POINTS)


@dataclass(frozen=True)
class Curves:
    """Eight curves [101] of one class and threshold, sampled at recall 0, 0.01, .. 1 (the devkit's names and order).

    Errors are running means over the matches up to a confidence; units as in `protocol.TP_METRICS`.
    """

    recall: Floats
    precision: Floats
    confidence: Floats
    trans_err: Floats
    vel_err: Floats
    scale_err: Floats
    orient_err: Floats
    attr_err: Floats

    def as_lists(self) -> dict[str, list[float]]:
        """The block of metrics_details.json."""
        return {f.name: getattr(self, f.name).tolist() for f in fields(self)}


def nothing_found() -> Curves:
    """Curves of a class without ground truth, or of which no box was found."""
    zeros, ones = np.zeros(RECALL_POINTS), np.ones(RECALL_POINTS)
    return Curves(RECALL, zeros, zeros, ones, ones, ones, ones, ones)


def curves_of(matches: Matches, name: str, threshold: int) -> Curves:
    """Curves of one class (its name) at one threshold (its index)."""
    wanted = int(matches.truth_count(name).sum())
    rows = matches.of_class(name)
    box = matches.box[threshold, rows]
    counted = box != IGNORED
    hit = box[counted] >= 0
    if wanted == 0 or not hit.any():
        return nothing_found()
    score = matches.score[rows][counted]
    true, false = np.cumsum(hit).astype(float), np.cumsum(~hit).astype(float)
    precision, recall = true / (false + true), true / float(wanted)
    confidence = np.interp(RECALL, recall, score, right=0)
    errors = matches.errors_of(name, threshold)
    found = {
        metric: np.interp(confidence[::-1], score[hit][::-1], running_mean(errors[:, column])[::-1])[::-1]
        for column, metric in enumerate(TP_METRICS)
    }
    return Curves(RECALL, np.interp(RECALL, recall, precision, right=0), confidence, **found)


def running_mean(values: Floats) -> Floats:
    """Mean of the values up to each position [k], ignoring NaN (0 before the first number); all ones if all are NaN."""
    missing = np.isnan(values)
    if missing.all():
        return np.ones(len(values))
    total, count = np.nancumsum(values), np.cumsum(~missing)
    return np.divide(total, count, out=np.zeros_like(total), where=count != 0)


def average_precision(curves: Curves, protocol: Protocol) -> float:
    """Mean precision beyond the minimum recall, minus the minimum precision, scaled to 0..1."""
    first = round(100 * protocol.min_recall) + 1
    above = np.maximum(curves.precision[first:] - protocol.min_precision, 0)
    return float(np.mean(above)) / (1.0 - protocol.min_precision)


def mean_error(curves: Curves, metric: str, protocol: Protocol) -> float:
    """Mean of an error curve from the minimum recall to the highest recall reached; 1 if that is lower."""
    first = round(100 * protocol.min_recall) + 1
    reached = np.flatnonzero(curves.confidence)
    last = int(reached[-1]) if len(reached) else 0
    return 1.0 if last < first else float(np.mean(getattr(curves, metric)[first : last + 1]))
