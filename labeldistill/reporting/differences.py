"""One variant minus another on shared seeds: the estimate behind findings and hypotheses."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from labeldistill.reporting.scored_runs import ScoredRun, draws_of
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.statistics.bootstrap import FEWEST_SCENES
from labeldistill.statistics.combined import estimate
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
