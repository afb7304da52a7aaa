"""One variant less another on shared seeds: the estimate that findings and hypotheses rest on."""

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
"""Differences of fractions that vary by no more than this do not vary."""


def difference(
    tables: StudyTables, runs: Sequence[ScoredRun], ours: str, theirs: str, metric: str, *, factor: float = 1.0
) -> Estimate:
    """Mean paired difference with the error that seeds and scenes give it; seeds alone where no scenes were drawn.

    Args:
        tables: the scores.
        runs: as scored, with their draws of scenes.
        ours, theirs: units; ours less theirs.
        metric: a fraction.
        factor: 100 for points.
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
