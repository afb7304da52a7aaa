"""Our evaluator on predictions in memory: matching, curves, metrics, slices, findings and intervals."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from labeldistill.evaluation.ground_truth import GroundTruth
from labeldistill.evaluation.matches import Matches
from labeldistill.evaluation.matching import match
from labeldistill.evaluation.metrics import Metrics, all_curves, details, metrics_of
from labeldistill.evaluation.predictions import Predictions
from labeldistill.evaluation.result import Evaluation, Score
from labeldistill.evaluation.sanity import findings
from labeldistill.evaluation.slices import Slice, slices_of

IntervalsOf = Callable[[Matches, Sequence[str] | None], dict[str, tuple[float, float]]]
"""From a matching, and the classes that means are over, to metric -> low, high (see `statistics.scene_scores`)."""


def scored(
    predictions: Predictions,
    truth: GroundTruth,
    *,
    slices: Sequence[str] = (),
    partial: dict[str, Any] | None = None,
    intervals: IntervalsOf | None = None,
) -> Evaluation:
    """Match and compute everything; nothing is written.

    Args:
        predictions: of all samples of `truth`.
        truth: the ground truth.
        slices: see `slices.slices_of`.
        partial: the stamp of a partial evaluation, stored in the result.
        intervals: if given, computes intervals of the whole and of every slice.

    Returns:
        The evaluation, without the devkit's agreement.
    """
    start = time.perf_counter()
    matches = match(predictions, truth)
    curves = all_curves(matches)
    metrics = metrics_of(curves, matches.protocol)
    score = Score(metrics.summary(time.perf_counter() - start), details(curves))
    found = intervals(matches, None) if intervals else {}  # first: the classes have their intervals from its draws
    rows = [row for part in slices_of(slices, predictions, truth, matches) for row in _part_rows(part, intervals)]
    rows += _class_rows(metrics, matches, intervals) if "class" in slices else []
    return Evaluation(metrics, score, matches, findings(metrics), rows, partial, intervals=found)


def _part_rows(part: Slice, intervals: IntervalsOf | None) -> list[dict[str, Any]]:
    about = {"slice": part.name, "part": part.part}
    boxes = len(part.matches.truth.label)
    found = intervals(part.matches, part.classes) if intervals else {}
    return [
        {**about, "metric": m, "class": c, "value": v, "boxes": boxes} | _bounds(found, m if c == "all" else "")
        for m, c, v in part.metrics().rows()
    ]


def _class_rows(metrics: Metrics, matches: Matches, intervals: IntervalsOf | None) -> list[dict[str, Any]]:
    """Numbers of each class; AP has the interval that mAP has for that class alone, ATE that of mATE, and so on."""
    counts = {name: int(matches.truth_count(name).sum()) for name in metrics.label_aps}
    found = {name: intervals(matches, [name]) for name in counts} if intervals else {}
    return [
        {"slice": "class", "part": c, "metric": m, "class": c, "value": v, "boxes": counts[c]}
        | _bounds(found.get(c, {}), f"m{m}")
        for m, c, v in metrics.rows()
        if c != "all"
    ]


def _bounds(found: dict[str, tuple[float, float]], metric: str) -> dict[str, float]:
    return dict(zip(("low", "high"), found[metric], strict=True)) if metric in found else {}
