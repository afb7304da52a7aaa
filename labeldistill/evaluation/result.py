"""The result of scoring one file, and the files written for it (the devkit's two, and our own)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from labeldistill.config.run_files import SCORES
from labeldistill.errors import InputError
from labeldistill.evaluation.matches import Matches
from labeldistill.evaluation.metrics import Metrics
from labeldistill.files import write_json

AGREEMENT = 1e-9
"""Largest absolute difference between our numbers and the arbiter's that counts as agreement."""


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
class StoredScores:
    """A scored run.

    Attributes:
        name: what messages call it.
        run_key: of the run.
        predictions: weights ("raw", "ema") -> file.
        folder: of its scores.
    """

    name: str
    run_key: str
    predictions: Mapping[str, Path]
    folder: Path

    @property
    def file(self) -> Path:
        """Its numbers."""
        return self.folder / SCORES


@dataclass(frozen=True)
class Evaluation:
    """One scored file.

    Attributes:
        metrics: overall and per-class metrics.
        score: the content of the devkit's two files (`summary` without `meta`).
        matches: the matching, from which bootstrap replicates are computed.
        findings: mistakes that the scores indicate, in words.
        slices: rows slice, part, metric, class, value, boxes; low and high if intervals were asked for.
        partial: the scenes or samples that were scored; None for the whole split.
        agreement: the largest difference from the devkit; None if it was not run.
        intervals: overall metric -> low, high; empty if none were asked for.
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
    """Write the three files; a partial evaluation is also stamped in `meta` of the summary."""
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
