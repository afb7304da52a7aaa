"""Mean, spread and interval of a metric over seeds, and paired differences between variants on shared seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum, isfinite
from statistics import stdev
from sys import float_info

import numpy as np
from scipy import special


@dataclass(frozen=True)
class Summary:
    """A metric over n runs: every single value, mean, sample sd and t interval; NaN if n is too small for one."""

    values: tuple[float, ...]
    mean: float
    sd: float
    low: float
    high: float
    failed: int = 0
    """Runs of the group without a value (failed or diverged), which are counted but not averaged."""

    @property
    def n(self) -> int:
        """Number of values."""
        return len(self.values)

    @property
    def caveat(self) -> str:
        """What can't be said, in words; empty if nothing."""
        if self.n == 0:
            return "no finished run"
        if self.n == 1:
            return "one run: no spread, no interval"
        if self.sd == 0:
            return "all runs equal: the interval has no width"
        return ""


def summarise(values: Sequence[float], *, confidence: float = 0.95, resolution: float = 0.0) -> Summary:
    """Mean, sample sd (n - 1) and two-sided t interval of independent runs; NaN values count as failed.

    Args:
        values: one per run.
        confidence: confidence of the interval, in 0..1.
        resolution: values within this range differ only by rounding, and their sd is 0.
    """
    finite = [float(v) for v in values if isfinite(v)]
    failed = len(values) - len(finite)
    if not finite:
        return Summary((), np.nan, np.nan, np.nan, np.nan, failed)
    mean = fsum(finite) / len(finite)
    if len(finite) == 1:
        return Summary((finite[0],), mean, np.nan, np.nan, np.nan, failed)
    sd = spread(finite, resolution)
    half = float(special.stdtrit(len(finite) - 1, 0.5 + confidence / 2)) * sd / len(finite) ** 0.5
    return Summary(tuple(finite), mean, sd, mean - half, mean + half, failed)


def spread(values: Sequence[float], resolution: float = 0.0) -> float:
    """Sample sd (n - 1) of two or more values; exactly 0 if they differ by no more than `resolution` or rounding."""
    low, high = min(values), max(values)
    rounding = 8 * float_info.epsilon * max(abs(low), abs(high))
    return 0.0 if high - low <= max(resolution, rounding) else stdev(values)


def sd_interval(sd: float, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of the true standard deviation behind the sample sd of n >= 2 values (chi-squared; normal noise)."""
    # upper tails, so the largest quantile comes first
    tails = special.chdtri(n - 1, [0.5 - confidence / 2, 0.5 + confidence / 2])
    low, high = (float(sd * ((n - 1) / quantile) ** 0.5) for quantile in tails)
    return low, high


def paired_differences(ours: Mapping[int, float], baseline: Mapping[int, float]) -> dict[int, float]:
    """Differences of the seeds that both have, in seed order; NaN if either value is missing."""
    shared = sorted(set(ours) | set(baseline))
    return {seed: ours.get(seed, np.nan) - baseline.get(seed, np.nan) for seed in shared}
