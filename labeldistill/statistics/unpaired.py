"""Two groups of runs without seeds in common: Welch's t test and interval of the difference of their means."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan

from scipy import special

from labeldistill.statistics.summary import Summary, summarise

FEWEST_RUNS = 3
"""On each side; fewer say almost nothing about the spread."""


@dataclass(frozen=True)
class UnpairedComparison:
    """The difference of two groups, ours minus theirs.

    Attributes:
        n: runs with a value on our side and on theirs.
        summary: mean difference and its interval; `failed` counts runs without a value on either side.
        p: two-sided p value of "no difference"; NaN with too few runs or without spread.
    """

    n: tuple[int, int]
    summary: Summary
    p: float


def compare_groups(
    ours: Sequence[float], theirs: Sequence[float], *, confidence: float = 0.95, resolution: float = 0.0
) -> UnpairedComparison:
    """Welch's test, which does not assume equal spread on both sides.

    Args:
        ours, theirs: one value per run, NaN for failed ones.
        confidence: confidence of the interval, in 0..1.
        resolution: values that vary by no more than this count as equal.
    """
    one, other = (summarise(values, resolution=resolution) for values in (ours, theirs))
    n, failed = (one.n, other.n), one.failed + other.failed
    difference = one.mean - other.mean
    variances = [side.sd**2 / side.n if side.n else nan for side in (one, other)]
    if min(n) < FEWEST_RUNS or not sum(variances) > 0:
        return UnpairedComparison(n, Summary((), difference, nan, nan, nan, failed), nan)
    error = sum(variances) ** 0.5
    freedom = error**4 / sum(v**2 / (side.n - 1) for v, side in zip(variances, (one, other), strict=True))
    half = float(special.stdtrit(freedom, 0.5 + confidence / 2)) * error
    p = 2 * float(special.stdtr(freedom, -abs(difference) / error))
    assert isfinite(p)
    return UnpairedComparison(n, Summary((), difference, nan, difference - half, difference + half, failed), p)
