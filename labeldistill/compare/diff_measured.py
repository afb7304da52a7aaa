"""The unit of comparison between two sides: one metric of one variant, by seed or by group."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from labeldistill.compare.diff_runs import Run
from labeldistill.config.metrics import HEADLINE, METRICS
from labeldistill.statistics.paired import PairedComparison, compare_pairs
from labeldistill.statistics.unpaired import UnpairedComparison, compare_groups

Family = Literal["scores", "speed"]

_ROUNDING = 1e-9
"""Tables have ten digits: relative differences smaller than this count as equal."""


@dataclass(frozen=True)
class Measured:
    """One metric of one variant on both sides, seed -> value; `why_not` gives the reason if it can't be judged."""

    study: str
    variant: str
    metric: str
    unit: str
    a: dict[int, float]
    b: dict[int, float]
    why_not: str = ""
    family: Family = "scores"

    def pairs(self, confidence: float) -> PairedComparison:
        """Differences per seed with their tests."""
        percent = self.unit == "%"
        differences = {
            seed: 100 * (self.b[seed] / self.a[seed] - 1) if percent else self.b[seed] - self.a[seed] for seed in self.a
        }
        resolution = 100 * _ROUNDING if percent else self._resolution
        rounded = {seed: 0.0 if abs(value) <= resolution else value for seed, value in differences.items()}
        return compare_pairs(rounded, confidence=confidence, resolution=resolution)

    def groups(self, confidence: float) -> UnpairedComparison:
        """All runs of B against all of A, regardless of seeds."""
        sides = list(self.b.values()), list(self.a.values())
        return compare_groups(*sides, confidence=confidence, resolution=self._resolution)

    @property
    def _resolution(self) -> float:
        there = (abs(v) for v in (*self.a.values(), *self.b.values()) if math.isfinite(v))
        return _ROUNDING * max(there, default=0.0)

    @property
    def lost(self) -> list[int]:
        """Seeds with a value in A whose run in B has none; seeds that B does not have are not lost."""
        failed = [seed for seed, value in self.b.items() if not math.isfinite(value)]
        return [seed for seed in failed if math.isfinite(self.a.get(seed, math.nan))]

    @property
    def higher_is_better(self) -> bool:
        """Whether higher values of the metric are better; for errors, times and memory they are not."""
        known = METRICS.get(self.metric)
        return (known is not None and known.higher_is_better) or "_per_s" in self.metric or "_per_cpu_s" in self.metric


def by_unit(runs: Sequence[Run]) -> dict[tuple[str, str], list[Run]]:
    """Runs of each study and variant, in the order of the runs."""
    found: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        found.setdefault((run.study, run.variant), []).append(run)
    return found


def scores(a: Sequence[Run], b: Sequence[Run], weights: str, metrics: Sequence[str]) -> Iterator[Measured]:
    """The scores of every study and variant that both sides have.

    Args:
        a, b: runs of both sides.
        weights: "ema" or "raw".
        metrics: names of overall scores. One that no run has gives a row too, which says nothing.
    """
    theirs = by_unit(b)
    for (study, variant), ours in by_unit(a).items():
        for metric in metrics:
            points = metric in HEADLINE
            factor = 100.0 if points else 1.0
            sides = [
                {run.seed: run.scores.get((weights, metric), math.nan) * factor for run in side}
                for side in (ours, theirs.get((study, variant), []))
            ]
            if all(sides):
                unit = "points" if points else metric
                why_not = _other_samples(ours, theirs[study, variant])
                yield Measured(study, variant, metric, unit, sides[0], sides[1], why_not)


def _other_samples(ours: Sequence[Run], theirs: Sequence[Run]) -> str:
    """Why the scores of two groups of runs are not of the same samples; empty where nothing says so."""
    scored = {run.samples for run in (*ours, *theirs) if run.scores and run.samples is not None}
    if len(scored) < 2:
        return ""
    return f"scored on other samples ({' and '.join(f'{number:,}' for number, _ in sorted(scored))})"
