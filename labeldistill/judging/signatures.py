"""Known mistakes of result files, each named where undoing it mends the scores, or where counts alone show it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from labeldistill.evaluation.eligible import ego_distance, scored_predictions, scored_truth
from labeldistill.evaluation.ground_truth import GroundTruth
from labeldistill.evaluation.matching import devkit_order, match, sample_rows
from labeldistill.evaluation.metrics import Metrics, all_curves, metrics_of
from labeldistill.evaluation.predictions import Floats, Predictions
from labeldistill.geometry.classes import CLASSES
from labeldistill.judging.counterfactual import Poses, Undone, frames_undone, headings_undone, sizes_undone

FEWEST_BOXES = 10
"""Annotated boxes, or pairs of boxes, from which a count means something."""
FAR_M = 150.0
"""No box of a result file lies farther from its ego vehicle; most do where the frame is another one."""
BAD_SCALE, BAD_TURN_RAD = 0.3, 0.7
"""Errors from which a mistake is looked for; the field's camera detectors have 0.25-0.28 and 0.3-0.6."""
MENDED = 0.6
"""Undoing a mistake leaves at most this share of the error."""
AS_GOOD = 0.02
"""Two ways to undo a mistake that differ by no more than this are the same one; the better known is named."""
GAINED, GAINED_TIMES = 0.02, 1.3
"""Undoing a mistake adds this much mAP at least, and multiplies it by this."""


@dataclass(frozen=True)
class Signature:
    """A mistake: its name, what shows it, and what to do."""

    name: str
    evidence: str
    advice: str

    def __str__(self) -> str:
        return f"{self.name}: {self.evidence}; {self.advice}"


def signatures(found: Predictions, truth: GroundTruth, metrics: Metrics, poses: Callable[[], Poses]) -> list[Signature]:
    """Every known mistake that a file shows; empty for a good one, and for a merely weak one.

    Args:
        found: predictions of the samples of `truth`, whose `tokens` are in the same order.
        truth: the split's ground truth.
        metrics: scores of `found`.
        poses: called only if a frame is in doubt, since it reads large tables.
    """
    poses = cache(poses)
    named = missing_classes(found, truth)
    if moved := _other_frame(found, truth, metrics, poses):
        signature, found = moved
        metrics = _metrics(found, truth)
        named.append(signature)
    if permuted := _permuted(found, truth, metrics):
        signature, found = permuted
        metrics = _metrics(found, truth)
        named.append(signature)
    named += _mended(truth, metrics, "scale_err", BAD_SCALE, sizes_undone(found))
    named += _mended(truth, metrics, "orient_err", BAD_TURN_RAD, headings_undone(found, poses))
    return named


def missing_classes(found: Predictions, truth: GroundTruth) -> list[Signature]:
    """Classes with annotated boxes of which the file has not one."""
    there = np.bincount(truth.label, minlength=len(CLASSES))
    predicted = np.bincount(found.label, minlength=len(CLASSES))
    if not len(found):
        return [Signature("no box at all", f"{len(truth)} are annotated", "see whether a score threshold took them")]
    return [
        Signature(
            f"class missing: {name}",
            f"{there[label]} are annotated, 0 are predicted",
            "a head or a name of this class is lost on the way to the file",
        )
        for label, name in enumerate(CLASSES)
        if there[label] >= FEWEST_BOXES and not predicted[label]
    ]


def _other_frame(
    found: Predictions, truth: GroundTruth, metrics: Metrics, poses: Callable[[], Poses]
) -> tuple[Signature, Predictions] | None:
    rows = sample_rows(found, truth)
    far = float(np.mean(ego_distance(found.translation, truth.ego[rows]) > FAR_M)) if len(found) else 0.0
    if far < 0.5:
        return None
    evidence = f"{far:.0%} of the boxes lie more than {FAR_M:g} m from their ego vehicle"
    tried = [(undone, undone.predictions()) for undone in frames_undone(found, poses)]
    score, undone, best = max(
        ((_metrics(moved, truth).mean_ap, undone, moved) for undone, moved in tried), key=lambda each: each[0]
    )
    if not _gained(metrics.mean_ap, score):
        advice = "result files are in the global frame of the sample's log"
        return Signature("boxes are in an unknown frame", evidence, advice), found
    return Signature(undone.name, f"{evidence}; {_mean_ap(metrics.mean_ap, score)}", undone.advice), best


def _permuted(found: Predictions, truth: GroundTruth, metrics: Metrics) -> tuple[Signature, Predictions] | None:
    """The assignment of names under which most predictions lie on boxes of their class, if it gains mAP."""
    pairs = _classes_at_the_same_place(found, truth)
    _, meant = linear_sum_assignment(-pairs)
    own = np.arange(len(CLASSES))
    changed = (meant != own) & (pairs[own, meant] >= FEWEST_BOXES) & (pairs[own, meant] > 2 * pairs[own, own])
    if not changed.any():
        return None
    renamed = replace(found, label=meant.astype(np.int8)[found.label])
    score = _metrics(renamed, truth).mean_ap
    if not _gained(metrics.mean_ap, score):
        return None
    names = ", ".join(f"{CLASSES[a]} is {CLASSES[b]}" for a, b in zip(own[changed], meant[changed], strict=True))
    evidence = f"{names}; {_mean_ap(metrics.mean_ap, score)}"
    return Signature("classes are permuted", evidence, "compare the order of class names of head and file"), renamed


def _classes_at_the_same_place(found: Predictions, truth: GroundTruth) -> Floats:
    """[10, 10] predictions of one class (row) that find a box of another class (column) when all are called car."""
    best = found.rows(_strongest(found, truth))
    cars = replace(best, label=np.zeros(len(best), dtype=np.int8))
    boxes = replace(truth, label=np.zeros(len(truth), dtype=np.int8))
    matches = match(cars, boxes)
    near = matches.box[matches.protocol.thresholds_m.index(matches.protocol.tp_threshold_m)]
    kept = np.flatnonzero(scored_predictions(cars, sample_rows(cars, truth), boxes))
    rows = kept[devkit_order(cars.label[kept], cars.score[kept])]
    wanted = np.flatnonzero(scored_truth(boxes))
    counts = np.zeros((len(CLASSES), len(CLASSES)))
    np.add.at(counts, (best.label[rows[near >= 0]], truth.label[wanted[near[near >= 0]]]), 1)
    return counts


def _strongest(found: Predictions, truth: GroundTruth) -> NDArray[np.bool_]:
    """[n] the highest scores of each class, as many as its most common class has annotated boxes."""
    most = int(np.bincount(truth.label, minlength=len(CLASSES)).max())
    keep = np.zeros(len(found), dtype=bool)
    for label in range(len(CLASSES)):
        rows = np.flatnonzero(found.label == label)
        keep[rows[np.argsort(found.score[rows], kind="stable")[::-1][:most]]] = True
    return keep


def _mended(truth: GroundTruth, metrics: Metrics, error: str, bad: float, tried: Iterable[Undone]) -> list[Signature]:
    """The mistake whose undoing leaves the smallest error, if that is much smaller."""
    before = _error(metrics, error)
    if not before > bad:
        return []
    mended = [(_error(_metrics(undone.predictions(), truth), error), undone) for undone in tried]
    least = min(after for after, _ in mended)
    after, undone = next(each for each in mended if each[0] <= least + AS_GOOD)
    if not after <= MENDED * before:
        return []
    what = {"scale_err": "mASE", "orient_err": "mAOE"}[error]
    evidence = f"{what} over the classes that were found is {before:.3f}, and {after:.3f} with this undone"
    return [Signature(undone.name, evidence, undone.advice)]


def _error(metrics: Metrics, error: str) -> float:
    """Mean over the classes that were found at all: the others count 1 whatever their boxes are."""
    values = [of[error] for of in metrics.label_tp_errors.values() if of["trans_err"] < 1.0]
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")


def _metrics(found: Predictions, truth: GroundTruth) -> Metrics:
    matches = match(found, truth)
    return metrics_of(all_curves(matches), matches.protocol)


def _gained(before: float, after: float) -> bool:
    return after > before + GAINED and after > GAINED_TIMES * before


def _mean_ap(before: float, after: float) -> str:
    return f"mAP is {before:.3f}, and {after:.3f} with this undone"
