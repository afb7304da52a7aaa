"""Scoring a predictions file on a nuScenes folder: the numbers, the devkit's two files, slices and findings."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from labeldistill.config.slicing import parse
from labeldistill.errors import InputError
from labeldistill.evaluation.arbiter import Agreement, Score
from labeldistill.evaluation.column_checks import broken_numbers, check_columns
from labeldistill.evaluation.coverage import check_samples
from labeldistill.evaluation.ground_truth import GroundTruth, open_ground_truth
from labeldistill.evaluation.ground_truth_part import part_of
from labeldistill.evaluation.matches import Matches
from labeldistill.evaluation.matching import match
from labeldistill.evaluation.metrics import Metrics, all_curves, details, metrics_of
from labeldistill.evaluation.predictions import Predictions
from labeldistill.evaluation.protocol import PREDEFINED_SPLITS
from labeldistill.evaluation.sanity import findings
from labeldistill.evaluation.slices import Slice, slices_of
from labeldistill.files import write_json

IntervalsOf = Callable[[Matches, Sequence[str] | None], dict[str, tuple[float, float]]]
"""From a matching, and the classes that means run over, to metric -> low, high (see `statistics.scene_scores`)."""


@dataclass(frozen=True)
class Evaluation:
    """One scored file.

    Attributes:
        metrics: overall and per class.
        score: the content of the devkit's two files (`summary` without `meta`).
        matches: what bootstrap replicates are made from.
        findings: mistakes that the scores give away, in words.
        slices: rows slice, part, metric, class, value, boxes; low and high where intervals were asked for.
        partial: which scenes or samples were scored; None when the whole split was.
        agreement: the largest difference from the devkit; None when it was not asked.
        intervals: overall metric -> low, high; empty when none were asked for.
    """

    metrics: Metrics
    score: Score
    matches: Matches
    findings: list[str]
    slices: list[dict[str, Any]] = field(default_factory=list)
    partial: dict[str, Any] | None = None
    agreement: Agreement | None = None
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """What to score on.

    Attributes:
        dataroot: folder that holds `<version>/`. version: for example `v1.0-mini`. split: a name, or scene names.
        scenes, samples: only these of the split (a partial evaluation); None: all.
        cache: folder that keeps tables as columns; None: read the JSON each time.
    """

    dataroot: Path
    version: str
    split: str | tuple[str, ...]
    scenes: tuple[str, ...] | None = None
    samples: tuple[str, ...] | None = None
    cache: Path | None = None

    @property
    def partial(self) -> dict[str, Any] | None:
        """The stamp of a partial evaluation."""
        chosen = {"scenes": self.scenes, "samples": self.samples}
        return {k: list(v) for k, v in chosen.items() if v is not None} or None

    def open(self) -> tuple[GroundTruth, tuple[str, ...]]:
        """Ground truth to score on, and the tokens of the whole split."""
        whole = open_ground_truth(self.dataroot, self.version, self.split, cache=self.cache)
        if self.partial is None:
            return whole, whole.tokens
        return part_of(whole, self.scenes, self.samples), whole.tokens


def evaluate(
    predictions_path: str | Path,
    dataroot: str | Path,
    version: str,
    split: str | Sequence[str],
    out_dir: str | Path | None,
    *,
    arbiter: bool = False,
    slices: Sequence[str] = (),
    scenes: Sequence[str] | None = None,
    samples: Sequence[str] | None = None,
    cache: str | Path | None = None,
    intervals: IntervalsOf | None = None,
) -> Evaluation:
    """Score one file (our Parquet, or an official .json) and write `metrics_summary.json`, `metrics_details.json`
    (the devkit's layout) and `evaluation.json` (partial stamp, findings, agreement, slices) into `out_dir`.

    Args:
        predictions_path: the file.
        dataroot, version, split, scenes, samples, cache: see `Task`.
        out_dir: None writes nothing.
        arbiter: also run the devkit and compare every number.
        slices: see `slices.slices_of`.
        intervals: where given, the whole and every slice get their intervals from it.

    Raises:
        InputError: bad input; nothing is written.
        GateError: our numbers and the devkit's differ by more than 1e-9; nothing is written.
    """
    for criterion in slices:
        parse(criterion)
    task = Task(
        Path(dataroot),
        version,
        split if isinstance(split, str) else tuple(split),
        None if scenes is None else tuple(scenes),
        None if samples is None else tuple(samples),
        None if cache is None else Path(cache),
    )
    truth, allowed = task.open()
    predictions = read_predictions(predictions_path, truth, allowed, task)
    result = scored(predictions, truth, slices=slices, partial=task.partial, intervals=intervals)
    if arbiter:
        from labeldistill.evaluation.arbitrate import arbitrate

        result = arbitrate([(result, predictions, Path(predictions_path))], truth, task)[0]
    if out_dir is not None:
        write_evaluation(result, predictions.meta, Path(out_dir))
    return result


def read_predictions(
    path: str | Path,
    truth: GroundTruth,
    allowed: Sequence[str],
    task: Task,
    *,
    broken: Literal["refuse", "drop"] = "refuse",
) -> Predictions:
    """Read either format, refuse other samples than the split's, and keep those of `truth`.

    Args:
        path: our Parquet, or an official .json.
        truth, allowed, task: see `Task.open`.
        broken: what to do with columns that hold numbers no box has (see `broken_numbers`): refuse them, or take the
            run as one that diverged: all its boxes are dropped and `metadata["broken"]` says why. JSON is refused.

    Raises:
        InputError: bad content, unknown or missing samples; names the file and the token.
    """
    path = Path(path)
    whole = task.partial is None
    if path.suffix == ".json":
        predictions = Predictions.from_json(path, known_tokens=allowed if whole else None)
    else:
        predictions = Predictions.read(path)
        if broken == "drop" and (why := broken_numbers(predictions)):
            nothing = predictions.rows(np.zeros(len(predictions), dtype=bool))
            predictions = replace(nothing, metadata={**predictions.metadata, "broken": why})
        check_columns(predictions, path)
    check_samples(predictions.tokens, truth.tokens, file=path, split=allowed)
    if whole and task.split in PREDEFINED_SPLITS:
        return predictions
    return predictions.of_samples(truth.tokens)


def scored(
    predictions: Predictions,
    truth: GroundTruth,
    *,
    slices: Sequence[str] = (),
    partial: dict[str, Any] | None = None,
    intervals: IntervalsOf | None = None,
) -> Evaluation:
    """Match and compute everything; writes nothing."""
    start = time.perf_counter()
    matches = match(predictions, truth)
    curves = all_curves(matches)
    metrics = metrics_of(curves, matches.protocol)
    score = Score(metrics.summary(time.perf_counter() - start), details(curves))
    rows = [row for part in slices_of(slices, predictions, truth, matches) for row in _part_rows(part, intervals)]
    rows += _class_rows(metrics, matches, intervals) if "class" in slices else []
    found = intervals(matches, None) if intervals else {}
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
    """Numbers of each class; as for a data set of one class, its AP has the interval of mAP, its ATE that of mATE."""
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


def write_evaluation(result: Evaluation, meta: dict[str, Any], out_dir: Path) -> None:
    """Write the three files; a partial evaluation is stamped in `meta` of the summary too."""
    stamped = {**meta, **({"partial": result.partial} if result.partial else {})}
    if np.isnan(result.metrics.nd_score):
        raise InputError("NDS is not a number; are there NaN or infinite values in the predictions?")
    agreement = result.agreement
    write_json(out_dir / "metrics_details.json", result.score.details)
    write_json(
        out_dir / "evaluation.json",
        {
            "partial": result.partial,
            "findings": result.findings,
            "devkit": None
            if agreement is None
            else {"largest_difference": agreement.difference, "at": agreement.where},
            "intervals": result.intervals,
            "slices": result.slices,
        },
    )
    write_json(out_dir / "metrics_summary.json", {**result.score.summary, "meta": stamped})
