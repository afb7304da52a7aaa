"""Two variants on shared seeds: paired t and sign-flip permutation tests of "no difference"."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, fsum, log2
from typing import Literal

import numpy as np
from scipy import special

from labeldistill.statistics.summary import Summary, spread, summarise

EXACT_PAIRS = 14
"""All 2^n sign patterns are tried up to this many pairs."""
RESAMPLES = 20_000


@dataclass(frozen=True)
class SignFlip:
    """p value of the sign-flip test; `error` is its Monte-Carlo standard error, 0 if all patterns were tried."""

    p: float
    error: float = 0.0


def paired_t(differences: Sequence[float], resolution: float = 0.0) -> float:
    """Two-sided p value of the paired t test; NaN with fewer than two pairs or without spread."""
    n = len(differences)
    sd = spread(differences, resolution) if n > 1 else 0.0
    if sd == 0:
        return float("nan")
    return 2 * float(special.stdtr(n - 1, -abs(fsum(differences)) / (sd * n**0.5)))


def sign_flip(
    differences: Sequence[float], *, seed: int = 0, alternative: Literal["two-sided", "greater"] = "two-sided"
) -> SignFlip:
    """Sign-flip permutation test of the mean: under "no difference" each pair's sign is a coin toss.

    All 2^n patterns up to EXACT_PAIRS pairs, RESAMPLES random ones beyond; NaN without a pair.
    """
    n = len(differences)
    if n == 0:
        return SignFlip(float("nan"))
    if n == 1 or not np.any(differences):
        return SignFlip(1.0)
    from scipy import stats  # half a second; what only plans or shows a study never gets here

    exact = n <= EXACT_PAIRS
    found = stats.permutation_test(
        (np.asarray(differences, dtype=float),),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        alternative=alternative,
        n_resamples=2**n if exact else RESAMPLES,
        rng=np.random.default_rng(seed),
    )
    p = min(1.0, float(found.pvalue))
    return SignFlip(p, 0.0 if exact else float((p * (1 - p) / RESAMPLES) ** 0.5))


def pairs_for_sign_flip(alpha: float = 0.05, comparisons: int = 1) -> int:
    """Fewest pairs with which a sign-flip test can reach `alpha` / `comparisons`: its smallest p is 2 / 2^n."""
    return ceil(1 + log2(comparisons / alpha) - 1e-12)


@dataclass(frozen=True)
class PairedComparison:
    """A metric's difference on shared seeds.

    Attributes:
        seeds: seeds of the pairs. differences: ours minus the baseline's, in seed order.
        summary: mean, sd and t interval of the differences; `failed` counts pairs that lack a value on either side.
        p_t, sign_flip: two-sided p values of "no difference".
    """

    seeds: tuple[int, ...]
    differences: tuple[float, ...]
    summary: Summary
    p_t: float
    sign_flip: SignFlip

    @property
    def n(self) -> int:
        """Number of pairs with both values."""
        return len(self.differences)


def compare_pairs(
    differences: dict[int, float], *, confidence: float = 0.95, resolution: float = 0.0
) -> PairedComparison:
    """Both tests and the interval of differences per seed (see `summary.paired_differences`); NaN counts as failed.

    Args:
        differences: seed -> ours minus the baseline's.
        confidence: confidence of the interval, in 0..1.
        resolution: differences that vary by no more than this count as equal.
    """
    there = {seed: value for seed, value in sorted(differences.items()) if np.isfinite(value)}
    values = tuple(there.values())
    summary = summarise(list(differences.values()), confidence=confidence, resolution=resolution)
    return PairedComparison(tuple(there), values, summary, paired_t(values, resolution), sign_flip(values))
