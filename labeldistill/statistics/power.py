"""How many seeds a desired verdict needs, computed before anything runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import special

from labeldistill.statistics.equivalence import FEWEST_RUNS, degrees_of_freedom, margin_is_hopeless
from labeldistill.statistics.holm import FEWEST_PAIRS

MOST_SEEDS = 1000
_GRID = 4000


def equivalence_power(
    n: int, sd: float, margin: float, *, difference: float = 0.0, alpha: float = 0.05, published_sd: float = 0.0
) -> float:
    """Probability that `equivalence.judge` says REPRODUCED.

    Exact for normal runs: the probability given the sample sd, averaged over the distribution of the sample sd.

    Args:
        n: number of seeds; fewer than FEWEST_RUNS give no verdict.
        sd: true spread between seeds.
        margin: equivalence margin.
        difference: true difference from the mean of the published method.
        alpha: error rate, in 0..1.
        published_sd: standard deviation of the published value.
    """
    if n < FEWEST_RUNS:
        return 0.0
    quantiles = (np.arange(_GRID) + 0.5) / _GRID
    variance = sd**2 * 2 * special.gammaincinv((n - 1) / 2, quantiles) / (n - 1) / n
    total = variance + published_sd**2
    critical = -special.stdtrit(degrees_of_freedom(n - 1, published_sd**2 / variance), alpha)
    room = margin - critical * np.sqrt(total)
    true_error = (sd**2 / n + published_sd**2) ** 0.5
    inside = special.ndtr((room - difference) / true_error) - special.ndtr((-room - difference) / true_error)
    return float(np.where(room > 0, inside, 0.0).mean())


def seeds_for_equivalence(
    sd: float, margin: float, *, power: float = 0.8, alpha: float = 0.05, published_sd: float = 0.0
) -> int | None:
    """Fewest seeds with which a true difference of zero is REPRODUCED with probability `power` (to the nearest
    percent).

    Args:
        sd: true spread between seeds.
        margin: equivalence margin, in the unit of `sd`.
        power: desired probability, in 0..1.
        alpha: error rate, in 0..1.
        published_sd: standard deviation of the published value.

    Returns:
        Number of seeds; None if no number suffices, because the noise of the published value does not shrink with it.
    """
    if margin_is_hopeless(margin, published_sd, alpha):
        return None

    def chance(n: int) -> float:
        return equivalence_power(n, sd, margin, alpha=alpha, published_sd=published_sd)

    return _fewest(chance, power)


@dataclass(frozen=True)
class Spread:
    """What planning knows of one metric, all in one unit: sd between seeds, margin, noise of the published value."""

    sd: float
    margin: float
    published_sd: float = 0.0

    def power(self, n: int, alpha: float) -> float:
        """See `equivalence_power`."""
        return equivalence_power(n, self.sd, self.margin, alpha=alpha, published_sd=self.published_sd)


def joint_equivalence_power(n: int, family: Sequence[Spread], *, alpha: float = 0.05) -> float:
    """Chance that every metric of a claim which can be REPRODUCED is, after Holm's correction, if none truly differs.

    Metrics are taken as independent, which understates the chance: NDS contains mAP.

    Args:
        n: seeds.
        family: the claim's metrics; one whose own noise rules it out stays in the family and is not waited for.
        alpha: error rate of the family.
    """
    hopeful = [spread for spread in family if not margin_is_hopeless(spread.margin, spread.published_sd, alpha)]
    levels = [alpha / (len(family) - step) for step in range(len(hopeful))]
    # chance that a metric's p lies between one level and the one before
    within = [np.diff([spread.power(n, level) for level in levels], prepend=0.0) for spread in hopeful]
    total = 0.0
    for steps in product(range(len(levels)), repeat=len(hopeful)):
        # Holm rejects them all if more than i p values lie below the i-th level, for every i
        if all(sum(step <= level for step in steps) > level for level in range(len(levels))):
            total += float(np.prod([chances[step] for chances, step in zip(within, steps, strict=True)]))
    return total if hopeful else 0.0


def seeds_for_claim(family: Sequence[Spread], *, power: float = 0.8, alpha: float = 0.05) -> int | None:
    """Fewest seeds with which the first metric of a claim, and every other one that can be, is REPRODUCED.

    Args:
        family: the claim's metrics.
        power: desired chance of that, to the nearest percent.
        alpha: error rate of the family.

    Returns:
        The number; None if no number will do.
    """
    if margin_is_hopeless(family[0].margin, family[0].published_sd, alpha):
        return None
    return _fewest(lambda n: joint_equivalence_power(n, family, alpha=alpha), power)


def difference_power(n: int, sd: float, difference: float, *, alpha: float = 0.05) -> float:
    """Probability that a two-sided paired t test over n pairs finds a true difference.

    Args:
        n: number of pairs.
        sd: true standard deviation of the differences.
        difference: true mean difference, in the unit of `sd`.
        alpha: two-sided error rate, in 0..1.
    """
    if n < FEWEST_PAIRS:
        return 0.0
    critical, shift = special.stdtrit(n - 1, 1 - alpha / 2), abs(difference) / sd * n**0.5
    # averaged over the sample sd, because SciPy's noncentral t is NaN for differences of many sds
    ratio = (2 * special.gammaincinv((n - 1) / 2, (np.arange(_GRID) + 0.5) / _GRID) / (n - 1)) ** 0.5
    kept = special.ndtr(critical * ratio - shift) - special.ndtr(-critical * ratio - shift)
    return float(1 - kept.mean())


def seeds_for_difference(sd: float, difference: float, *, power: float = 0.8, alpha: float = 0.05) -> int | None:
    """Fewest pairs with which a true difference is found with probability `power`.

    Args:
        sd: true standard deviation of the differences.
        difference: true mean difference, in the unit of `sd`.
        power: desired probability, in 0..1.
        alpha: two-sided error rate, in 0..1.

    Returns:
        Number of pairs; None for more than MOST_SEEDS.
    """
    return _fewest(lambda n: difference_power(n, sd, difference, alpha=alpha), power)


def _fewest(chance: Callable[[int], float], wanted: float) -> int | None:
    def enough(n: int) -> bool:
        return round(chance(n), 2) >= wanted

    high = 2
    while not enough(high):
        high *= 2
        if high > MOST_SEEDS:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
