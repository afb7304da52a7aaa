"""What scoring stored for every run besides numbers: findings, how it ended, and its draws of scenes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from labeldistill.config.run_files import REPLICATES, SCORES
from labeldistill.files import read_json
from labeldistill.records.gather_rows import FINISHED, outcome
from labeldistill.records.run_record import read_record
from labeldistill.statistics.bootstrap import Floats
from labeldistill.study.apart import label
from labeldistill.study.plan import StudyPlan


@dataclass(frozen=True)
class ScoredRun:
    """One run of a study's table.

    Attributes:
        unit: name in the table. status, reason: see `records.gather_rows.outcome`.
        scenes: number of scenes that it was scored on.
        findings: mistakes that the scores indicate, in words.
        draws: metric -> [1 + R] for the chosen weights, on all scenes and for each draw; empty with too few scenes.
        teacher: seed of the teacher that it learnt from; None if it had none or that is unknown.
    """

    unit: str
    seed: int
    status: str
    reason: str
    scenes: int
    findings: tuple[str, ...] = ()
    draws: Mapping[str, Floats] = field(default_factory=dict, repr=False)
    teacher: int | None = None


def scored_runs(plan: StudyPlan, weights: str = "ema") -> list[ScoredRun]:
    """Every run, own, ingested and adopted, in the order of the table; without own runs if none is scored.

    Raises:
        InputError: a record or scores that can't be read.
    """
    runs = [
        _scored((run.unit, run.seed, run.teacher_seed), read_record(run.record), plan.metrics(run), weights)
        for run in plan.runs
        if (plan.metrics(run) / SCORES).is_file()
    ]
    for taken in plan.ingested:
        named = (label(taken.variant, "ingested"), taken.seed, None)
        runs.append(_scored(named, None, plan.ingested_metrics(taken), weights))
    for run in plan.adopted:
        runs.append(_scored((label(run.unit, "adopted"), run.seed, None), None, plan.metrics(run), weights))
    return runs


def _scored(named: tuple[str, int, int | None], record: dict[str, Any] | None, folder: Path, weights: str) -> ScoredRun:
    scores = read_json(folder / SCORES)
    status, reason = outcome(record, scores)
    findings = tuple(scores["findings"].get(weights, ()))
    draws = _draws(folder / REPLICATES, weights)
    unit, seed, teacher = named
    return ScoredRun(unit, seed, status, reason, int(scores["scenes"]), findings, draws, teacher)


def _draws(file: Path, weights: str) -> dict[str, Floats]:
    if not file.is_file():
        return {}
    table = pd.read_parquet(file)
    mine = [name for name in table if str(name).startswith(f"{weights}.")]
    return {str(name).partition(".")[2]: np.asarray(table[name], dtype=np.float64) for name in mine}


def draws_of(runs: Sequence[ScoredRun], unit: str, metric: str) -> dict[int, Floats]:
    """Seed -> draws of the finished runs of a unit; with several teachers their mean."""
    found = draws_by_teacher(runs, unit, metric)
    return {seed: np.mean(list(of.values()), axis=0) for seed, of in found.items()}


def draws_by_teacher(runs: Sequence[ScoredRun], unit: str, metric: str) -> dict[int, dict[int | None, Floats]]:
    """Seed -> teacher -> draws of the finished runs of a unit."""
    found: dict[int, dict[int | None, Floats]] = {}
    for run in runs:
        if run.unit == unit and run.status == FINISHED and metric in run.draws:
            found.setdefault(run.seed, {})[run.teacher] = run.draws[metric]
    return found
