"""Holm's correction over a family of comparisons, and the resulting finding for each."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from labeldistill.statistics.estimate import Estimate
from labeldistill.statistics.paired import PairedComparison, pairs_for_sign_flip
from labeldistill.statistics.unpaired import UnpairedComparison

FEWEST_PAIRS = 3
"""A verdict on fewer pairs would depend only on the shape of the normal distribution's tails."""


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values, in the given order; at most alpha means rejected with family-wise error alpha.

    Written out: statsmodels' `multipletests`, the oracle in its test, collects garbage on every call.
    A comparison without a p value (NaN: too few pairs) can't be rejected wrongly: it remains NaN and is not counted.
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p)[: family_size(p_values)]  # NaN sorts last
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1.0)
    return [float(value) for value in adjusted]


def family_size(p_values: Sequence[float]) -> int:
    """Number of comparisons that are tested."""
    return int(np.count_nonzero(~np.isnan(np.asarray(p_values, dtype=float))))


class Finding(StrEnum):
    """What a comparison shows."""

    BETTER = "BETTER"
    WORSE = "WORSE"
    EQUAL = "EQUAL"
    """Every pair is equal to the last digit."""
    NOT_SHOWN = "NO DIFFERENCE SHOWN"
    CANT_TELL = "CAN'T TELL"
    """Too few pairs to find anything, or a choice among the runs that exist."""


def p_for_family(pairs: PairedComparison, estimate: Estimate | None = None) -> float:
    """The p value that enters the family; NaN if there are too few pairs for a verdict.

    It is that of `estimate`, which may include scenes and teachers; None: the paired t test over seeds.

    Equal differences other than 0 are impossible under "no difference, normal noise": 0 if signs alone could also
    reach 5 %, otherwise NaN.
    """
    if pairs.n < FEWEST_PAIRS:
        return float("nan")
    if pairs.summary.sd == 0:
        if pairs.summary.mean == 0:
            return 1.0
        return 0.0 if pairs.n >= pairs_for_sign_flip() else float("nan")
    return pairs.p_t if estimate is None else estimate.p_two_sided()


def finding(
    pairs: PairedComparison,
    adjusted: float,
    basis: str = "seeds",
    *,
    alpha: float,
    higher_is_better: bool,
    family: int,
) -> tuple[Finding, str]:
    """Finding of one comparison after correction, with its reason in words.

    Args:
        pairs: the comparison on shared seeds.
        adjusted: its p value after Holm's correction; NaN without one.
        basis: what varies in the test behind the p value.
        alpha: family-wise error rate, in 0..1.
        higher_is_better: whether higher values of the metric are better.
        family: number of tests in the family.
    """
    n, mean = pairs.n, pairs.summary.mean
    if n and not any(pairs.differences):
        return Finding.EQUAL, f"all {n} pairs are equal to the last digit" if n > 1 else "the one pair is equal"
    if np.isnan(adjusted):
        return Finding.CANT_TELL, _too_few(pairs)
    if adjusted > alpha:
        return Finding.NOT_SHOWN, f"paired t over {basis}, {n} pairs, p = {adjusted:.3f} after Holm over {family}"
    better = (mean > 0) == higher_is_better
    if pairs.summary.sd == 0:
        reason = f"all {n} pairs differ by the same amount: no spread, so no interval and nothing about other seeds"
    else:
        reason = f"paired t over {basis}, {n} pairs, p = {adjusted:.2g} after Holm over {family}"
        if n < pairs_for_sign_flip(alpha):
            reason += f"; rests on normal noise (signs alone need {pairs_for_sign_flip(alpha)} pairs)"
    return (Finding.BETTER if better else Finding.WORSE), reason


def finding_of_groups(
    groups: UnpairedComparison, adjusted: float, *, alpha: float, higher_is_better: bool, family: int
) -> tuple[Finding, str]:
    """Finding about two groups of runs without shared seeds, with its reason in words.

    Args:
        groups: the comparison of the groups.
        adjusted: its p value after Holm's correction; NaN without one.
        alpha: family-wise error rate, in 0..1.
        higher_is_better: whether higher values of the metric are better.
        family: number of tests in the family.
    """
    sizes = f"{groups.n[0]} and {groups.n[1]} runs"
    if np.isnan(adjusted):
        return Finding.CANT_TELL, f"{sizes}: too few, or without spread, for a test of means"
    words = f"Welch's t over {sizes}, p = {adjusted:.2g} after Holm over {family}"
    if adjusted > alpha:
        return Finding.NOT_SHOWN, words
    return (Finding.BETTER if (groups.summary.mean > 0) == higher_is_better else Finding.WORSE), words


def _too_few(pairs: PairedComparison) -> str:
    if pairs.n == 0:
        return "no pair with a value on both sides"
    if pairs.n < FEWEST_PAIRS:
        return f"{pairs.n} pair{'s' if pairs.n > 1 else ''}: too few to tell a difference from the seeds' noise"
    return (
        f"all {pairs.n} pairs differ by the same amount: without spread there is no t test, and signs alone need "
        f"{pairs_for_sign_flip()} pairs"
    )
