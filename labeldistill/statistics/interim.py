"""What an interim look says beside its verdict: the chance of any verdict, and an e-value for unplanned looks."""

from collections.abc import Callable, Sequence
from math import exp, fsum, isfinite, log

import numpy as np

from labeldistill.statistics.summary import spread

FUTILE = 0.1
"""Below this chance of a verdict at the last look, the remaining seeds are better spent elsewhere."""
FEWEST = 3
_DRAWS = 400


def chance_of_a_verdict(values: Sequence[float], most: int, settles: Callable[[list[float]], bool]) -> float:
    """Predictive probability that the last look will settle the question, given the runs so far.

    Spread and mean are drawn from their posterior under the reference prior, the missing runs from the normal
    distribution that they describe. Stopping on a small chance only gives verdicts away: no error rate rises, and the
    advice may be ignored (a non-binding futility boundary).

    Args:
        values: runs so far; NaN for failed ones, which are left out.
        most: number of runs at the last look.
        settles: whether so many runs give a verdict there.

    Returns:
        The chance in 0..1; NaN for fewer than FEWEST runs or without spread.
    """
    seen = [value for value in values if isfinite(value)]
    n, left = len(seen), most - len(values)
    if n < FEWEST or left < 1 or (sd := spread(seen)) == 0:
        return float("nan")
    generator = np.random.default_rng(0)
    spreads = sd * np.sqrt((n - 1) / generator.chisquare(n - 1, _DRAWS))
    means = fsum(seen) / n + spreads / n**0.5 * generator.normal(size=_DRAWS)
    futures = means[:, None] + spreads[:, None] * generator.normal(size=(_DRAWS, left))
    return sum(settles([*seen, *map(float, future)]) for future in futures) / _DRAWS


def e_value(differences: Sequence[float]) -> float:
    """Evidence against "no difference" that stays valid however often one looks: above 20 in at most 5 % of nulls.

    A t test's Bayes factor with the right Haar prior on the spread and a standard normal one on the effect in standard
    deviations (Rouder et al. 2009, equation 1 with a normal prior; Hendriksen et al. 2021 on its optional stopping).

    Args:
        differences: of pairs so far; NaN for failed ones, which are left out.

    Returns:
        The e-value; 1 says nothing, NaN without spread.
    """
    seen = [value for value in differences if isfinite(value)]
    n = len(seen)
    if n < 2:
        return 1.0
    if (sd := spread(seen)) == 0:
        return float("nan")
    t2 = (fsum(seen) / n / sd) ** 2 * n
    tail = log(1 + t2 / (n - 1)) - log(1 + t2 / ((1 + n) * (n - 1)))
    return exp(n / 2 * tail - log(1 + n) / 2)
