"""One variant minus another on shared seeds: the estimate behind findings and hypotheses."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from labeldistill.config.metrics import METRICS
from labeldistill.reporting.scored_runs import ScoredRun, draws_by_teacher, draws_of
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.statistics.bootstrap import FEWEST_SCENES
from labeldistill.statistics.combined import estimate
from labeldistill.statistics.crossed import over_runs
from labeldistill.statistics.estimate import Estimate, over_seeds
from labeldistill.statistics.summary import paired_differences

ROUNDING = 1e-9
"""Differences of fractions that vary by no more than this count as equal."""


def difference(
    tables: StudyTables, runs: Sequence[ScoredRun], ours: str, theirs: str, metric: str, *, factor: float = 1.0
) -> Estimate:
    """Mean paired difference with its error from seeds and scenes, or from seeds only without draws of scenes.

    Args:
        tables: the scores.
        runs: scored runs with their draws of scenes.
        ours, theirs: units; the difference is ours minus theirs.
        metric: metric whose values are fractions.
        factor: unit of the result; 100 for points.
    """
    if several_teachers(tables, ours, metric) or several_teachers(tables, theirs, metric):
        return _under_teachers(tables, runs, (ours, theirs), metric, factor)
    pairs = paired_differences(tables.values(ours, metric), tables.values(theirs, metric))
    seeds = over_seeds([factor * value for value in pairs.values()], ROUNDING * factor)
    ours_drawn, theirs_drawn = draws_of(runs, ours, metric), draws_of(runs, theirs, metric)
    there = [seed for seed, value in pairs.items() if np.isfinite(value)]
    scenes = max((run.scenes for run in runs if run.unit in (ours, theirs)), default=0)
    drawn = [factor * (ours_drawn[s] - theirs_drawn[s]) for s in there if s in ours_drawn and s in theirs_drawn]
    if len(drawn) < 2 or len(drawn) < len(there) or scenes < FEWEST_SCENES or not seeds.error > 0:
        return seeds
    table = np.array(drawn)
    return replace(estimate(table[:, 0], table[:, 1:], scenes), failed=seeds.failed)


def several_teachers(tables: StudyTables, unit: str, metric: str) -> list[int | None]:
    """The teachers under which each seed of a unit was trained; empty unless they are several per seed."""
    most = max(tables.by_teacher(unit, metric).values(), key=len, default={})
    return list(most) if len(most) > 1 else []


def of_unit(tables: StudyTables, unit: str, metric: str) -> Estimate | None:
    """Mean of a unit over seeds and teachers, in the claims' unit; None without several teachers per seed."""
    if not (teachers := several_teachers(tables, unit, metric)):
        return None
    values = tables.by_teacher(unit, metric)
    scores = METRICS[metric].scale * np.array(_grid(values, sorted(values), teachers), dtype=float)
    whole = np.isfinite(scores).all(axis=1)
    return replace(over_runs(scores[whole], None, 0), failed=int((~whole).sum()))


def _under_teachers(
    tables: StudyTables, runs: Sequence[ScoredRun], units: tuple[str, str], metric: str, factor: float
) -> Estimate:
    """The difference of two units of which at least one was trained under every teacher."""
    teachers = max((several_teachers(tables, unit, metric) for unit in units), key=len)
    values = [tables.by_teacher(unit, metric) for unit in units]
    seeds = sorted(set(values[0]) & set(values[1]))
    ours, theirs = (np.array(_grid(of, seeds, teachers), dtype=float) for of in values)
    scores = factor * (ours - theirs)
    whole = np.isfinite(scores).all(axis=1)
    there = [seed for seed, is_whole in zip(seeds, whole, strict=True) if is_whole]
    drawn = [_grid(draws_by_teacher(runs, unit, metric), there, teachers) for unit in units]
    replicates = None
    if there and all(draws is not None for grid in drawn for row in grid for draws in row):
        replicates = factor * (np.array(drawn[0]) - np.array(drawn[1]))[..., 1:]
    scenes = max((run.scenes for run in runs if run.unit in units), default=0)
    return replace(over_runs(scores[whole], replicates, scenes), failed=len(seeds) - len(there))


def _grid(
    of: Mapping[int, Mapping[int | None, Any]], seeds: Sequence[int], teachers: Sequence[int | None]
) -> list[list[Any]]:
    """[seeds][teachers] what there is of each run; a unit without a teacher has the same under all. None: missing."""
    found = (of.get(seed, {}) for seed in seeds)
    return [[row.get(None, row.get(teacher)) for teacher in teachers] for row in found]
