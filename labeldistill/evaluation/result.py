"""What scoring one file found, and the files that it leaves behind (the devkit's two, and our own)."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from labeldistill.errors import InputError
from labeldistill.evaluation.matches import Matches
from labeldistill.evaluation.metrics import Metrics
from labeldistill.files import write_json


@dataclass(frozen=True)
class Score:
    """The devkit's metrics_summary.json (without `meta`) and metrics_details.json."""

    summary: dict[str, Any]
    details: dict[str, Any]


@dataclass(frozen=True)
class Agreement:
    """The largest difference between our numbers and the arbiter's, and where it is."""

    difference: float
    where: str


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
