"""Intervals of means and differences over seeds, over scenes, and over both."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from labeldistill.config.metrics import HEADLINE
from labeldistill.reporting.differences import several_teachers
from labeldistill.reporting.pairs import PairRow
from labeldistill.reporting.scored_runs import ScoredRun, draws_of
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.statistics.bootstrap import (
    FEWEST_SCENES,
    Floats,
    Interval,
    paired_scene_test,
    scene_interval,
    too_few,
)
from labeldistill.statistics.combined import seeds_and_scenes
from labeldistill.statistics.summary import Summary, summarise


@dataclass(frozen=True)
class IntervalRow:
    """One unit and metric, in the unit of the table; `caveat` says why an interval is missing.

    Attributes:
        seeds: the runs with their t interval. scenes: interval of the mean of these runs over scenes.
        both: interval of the mean over seeds and scenes.
    """

    unit: str
    metric: str
    seeds: Summary
    scenes: Interval
    both: Interval

    @property
    def caveat(self) -> str:
        """What can't be given and why, in words."""
        said = (self.seeds.caveat, self.scenes.caveat, "" if self.seeds.n == 1 else self.both.caveat)
        return "; ".join(dict.fromkeys(caveat for caveat in said if caveat))


def interval_rows(tables: StudyTables, runs: Sequence[ScoredRun], *, confidence: float = 0.95) -> list[IntervalRow]:
    """One row per unit and metric."""
    rows: list[IntervalRow] = []
    for unit in tables.units_present():
        for metric in HEADLINE:
            seeds = summarise(list(tables.values(unit, metric).values()), confidence=confidence)
            drawn = np.array(list(draws_of(runs, unit, metric).values()))
            scenes, both = _over_scenes(drawn, seeds.mean, _scenes(runs, unit), confidence)
            if teachers := several_teachers(tables, unit, metric):
                both = replace(
                    both, caveat="; ".join(filter(None, (both.caveat, f"given these {len(teachers)} teachers")))
                )
            rows.append(IntervalRow(unit, metric, seeds, scenes, both))
    return rows


def _scenes(runs: Sequence[ScoredRun], unit: str) -> int:
    return max((run.scenes for run in runs if run.unit == unit), default=0)


def _over_scenes(drawn: Floats, value: float, scenes: int, confidence: float) -> tuple[Interval, Interval]:
    """Intervals over scenes, and over seeds and scenes, of [n, 1 + R] draws of n runs or pairs."""
    if not len(drawn):
        why = _undrawn(scenes) if np.isfinite(value) else "no finished run"
        missing = (Interval(value, np.nan, np.nan, source, why) for source in ("scenes", "seeds and scenes"))
        return next(missing), next(missing)
    mean = drawn.mean(axis=0)
    alone = scene_interval(float(mean[0]), mean[1:], scenes, confidence=confidence)
    return alone, seeds_and_scenes(drawn[:, 0], drawn[:, 1:], scenes, confidence=confidence)


def _undrawn(scenes: int) -> str:
    if scenes == 0:
        return "draws of scenes are not at hand"
    return too_few(scenes) if scenes < FEWEST_SCENES else "the study draws no scenes (`evaluation_replicates: 0`)"


@dataclass(frozen=True)
class PairScenes:
    """A paired difference: interval and two-sided p value over scenes, and interval over seeds and scenes."""

    scenes: Interval
    p: float
    both: Interval


def pair_scenes(
    tables: StudyTables, runs: Sequence[ScoredRun], row: PairRow, *, confidence: float = 0.95
) -> PairScenes:
    """The paired scene bootstrap of one comparison, with the same draws of scenes for both runs of a seed.

    Args:
        tables: the scores.
        runs: scored runs with their draws of scenes.
        row: the comparison with the baseline.
        confidence: confidence of the intervals, in 0..1.
    """
    ours = draws_of(runs, row.variant, row.metric)
    theirs = draws_of(runs, tables.baseline_of(row.variant), row.metric)
    drawn = np.array([ours[seed] - theirs[seed] for seed in row.pairs.seeds if seed in ours and seed in theirs])
    scenes = _scenes(runs, row.variant)
    alone, both = _over_scenes(drawn, row.pairs.summary.mean, scenes, confidence)
    if "teachers" in row.estimate.basis:
        both = Interval(row.estimate.mean, *row.estimate.interval(confidence), row.estimate.basis)
    mean = drawn.mean(axis=0) if len(drawn) else np.array([np.nan])
    return PairScenes(alone, paired_scene_test(float(mean[0]), mean[1:], scenes), both)
