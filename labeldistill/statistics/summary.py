"""Mean, spread and interval of a metric over seeds, and paired differences between variants on shared seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Summary:
    """A metric over n runs: every single value, mean, sample sd and t interval; NaN says what n can't say."""

    values: tuple[float, ...]
    mean: float
    sd: float
    low: float
    high: float
    failed: int = 0
    """Runs of the group without a value (failed or diverged); they count, they are not averaged."""

    @property
    def n(self) -> int:
        """Number of values."""
        return len(self.values)

    @property
    def caveat(self) -> str:
        """What can't be said, in words; empty where all can."""
        if self.n == 0:
            return "no finished run"
        if self.n == 1:
            return "one run: no spread, no interval"
        if self.sd == 0:
            return "all runs equal: the interval has no width"
        return ""


def summarise(values: Sequence[float], *, confidence: float = 0.95) -> Summary:
    """Mean, sample sd (n - 1) and two-sided t interval of independent runs; NaN values count as failed."""
    finite = [float(v) for v in values if np.isfinite(v)]
    failed = len(values) - len(finite)
    if not finite:
        return Summary((), np.nan, np.nan, np.nan, np.nan, failed)
    mean = float(np.mean(finite))
    if len(finite) == 1:
        return Summary((finite[0],), mean, np.nan, np.nan, np.nan, failed)
    sd = float(np.std(finite, ddof=1))
    half = float(stats.t.ppf(0.5 + confidence / 2, len(finite) - 1)) * sd / len(finite) ** 0.5
    return Summary(tuple(finite), mean, sd, mean - half, mean + half, failed)


def paired_differences(ours: Mapping[int, float], baseline: Mapping[int, float]) -> dict[int, float]:
    """Difference per seed that both have, in seed order; a seed without both values gives NaN."""
    shared = sorted(set(ours) | set(baseline))
    return {seed: ours.get(seed, np.nan) - baseline.get(seed, np.nan) for seed in shared}
