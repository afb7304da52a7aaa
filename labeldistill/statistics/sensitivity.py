"""Sensitivity of a verdict to seeds that are not normal: exact sign tests, outlying runs, rate of failed runs.

Intervals of t tests cover 82-91 % instead of 95 % if seeds are skewed or one in ten is contaminated. The sign test is
about the median and assumes nothing about the shape.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from scipy import special

from labeldistill.statistics.equivalence import Verdict
from labeldistill.statistics.summary import summarise

OUTLYING = 0.05
"""Probability that any of several normal runs is called outlying."""


def sign_p(values: Sequence[float], published: float, margin: float | None, verdict: Verdict) -> float:
    """p value of the exact sign test for the same verdict.

    REPRODUCED: the larger p of "the median is not above published - margin" and "not below published + margin". BETTER
    or WORSE: the two-sided p of "the median is the published value". The published value is taken as exact.

    Args:
        values: one per run, NaN for failed ones.
        published: the published value, in the unit of `values`.
        margin: equivalence margin; None without one.
        verdict: the verdict to test.

    Returns:
        p in 0..1; NaN for a verdict that settles nothing.
    """
    there = [value for value in values if isfinite(value)]
    if verdict is Verdict.REPRODUCED and margin is not None:
        return max(_tail(there, published - margin, above=True), _tail(there, published + margin, above=False))
    if verdict in (Verdict.BETTER, Verdict.WORSE):
        return min(1.0, 2 * min(_tail(there, published, above=True), _tail(there, published, above=False)))
    return float("nan")


def _tail(values: Sequence[float], bound: float, *, above: bool) -> float:
    """Probability that as many of n coin tosses fall on the side of the values; a tie counts against them."""
    hits = sum(value > bound if above else value < bound for value in values)
    return float(special.bdtrc(hits - 1, len(values), 0.5)) if hits else 1.0


@dataclass(frozen=True)
class Outlying:
    """The run farthest from the others, and the probability of one so far among normal runs (Grubbs)."""

    seed: int
    value: float
    p: float


def outlying(values: Mapping[int, float]) -> Outlying | None:
    """The run that is an outlier by Grubbs' test at level OUTLYING; None without one, or with 3 runs.

    Args:
        values: seed -> value; NaN for failed runs, which are left out.
    """
    there = {seed: value for seed, value in values.items() if isfinite(value)}
    found, n = summarise(list(there.values())), len(there)
    if n < 4 or not found.sd > 0:
        return None
    seed, value = max(there.items(), key=lambda entry: abs(entry[1] - found.mean))
    g = abs(value - found.mean) / found.sd
    rest = (n - 1) ** 2 - n * g**2
    if rest <= 0:  # all other runs are equal
        return Outlying(seed, value, 0.0)
    p = min(1.0, 2 * n * float(special.stdtr(n - 2, -((n * (n - 2) * g**2 / rest) ** 0.5))))
    return Outlying(seed, value, p) if p <= OUTLYING else None


def failure_rate(failed: int, planned: int, *, confidence: float = 0.95) -> tuple[float, float, float]:
    """Share of runs that have no score, with its exact (Clopper-Pearson) interval."""
    tail = (1 - confidence) / 2
    low = float(special.betaincinv(failed, planned - failed + 1, tail)) if failed else 0.0
    high = float(special.betaincinv(failed + 1, planned - failed, 1 - tail)) if failed < planned else 1.0
    return failed / planned, low, high


def failure_words(failed: int, planned: int, *, confidence: float = 0.95) -> str:
    """The rate in words: "1 of 6 runs have no score: 17 % [0.4 %, 64 %]"."""
    rate, low, high = (f"{100 * share:.2g} %" for share in failure_rate(failed, planned, confidence=confidence))
    return f"{failed} of {planned} runs have no score: {rate} [{low}, {high}]"
