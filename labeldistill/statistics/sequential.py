"""Running seeds in batches and stopping once the verdict is settled, with the error rates of one fixed test."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isnan, nan

from scipy import special

from labeldistill.statistics.equivalence import Judgement, Levels, Verdict, decided, judge
from labeldistill.statistics.interim import FUTILE, chance_of_a_verdict, e_value
from labeldistill.statistics.spending import boundaries


@dataclass(frozen=True)
class Look:
    """One look: its number of seeds, and the p values that settle a verdict there."""

    seeds: int
    levels: Levels


@dataclass(frozen=True)
class SequentialDesign:
    """Planned looks; over all of them together, each error rate of `judge` is `alpha`."""

    looks: tuple[Look, ...]
    alpha: float

    @property
    def most(self) -> int:
        """Seeds at the last look."""
        return self.looks[-1].seeds


def looks_at(seeds: int, per_look: int) -> tuple[int, ...]:
    """Numbers of seeds at the looks: every `per_look` seeds, and at the end; never fewer than two."""
    steps = [n for n in range(per_look, seeds, per_look) if n >= 2]
    return (*steps, seeds)


@lru_cache(maxsize=64)
def sequential_design(looks: tuple[int, ...], alpha: float = 0.05) -> SequentialDesign:
    """O'Brien-Fleming design of looks after these numbers of seeds.

    Boundaries are computed for a known spread and used as levels of the t tests ("significance level approach"), so
    that each look accounts for its estimated spread. One-sided `alpha` is spent on each side of equivalence, half of
    it on each side of a difference.
    """
    fractions = tuple(n / looks[-1] for n in looks)
    one_sided = [float(special.ndtr(-b)) for b in boundaries(fractions, alpha)]
    each_side = [float(special.ndtr(-b)) for b in boundaries(fractions, alpha / 2)]
    levels = [Levels(e, 2 * d) for e, d in zip(one_sided, each_side, strict=True)]
    return SequentialDesign(tuple(Look(n, level) for n, level in zip(looks, levels, strict=True)), alpha)


@dataclass(frozen=True)
class SequentialDecision:
    """The state of a sequential study.

    Attributes:
        stop: whether no more seeds are needed.
        judgement: verdict at the last look that was reached; INCONCLUSIVE before the first.
        look: number of looks made so far. seeds: number of seeds behind the verdict.
        next_seeds: number of seeds at the next look; None when stopped.
        reason: the decision in words.
        chance: predictive probability of a verdict by the last look; below `interim.FUTILE` the study stops, which is
            non-binding: no error rate depends on it. NaN if it is not known.
        e_value: evidence against "no difference" that allows unplanned looks (see `interim.e_value`); NaN for claims.
    """

    stop: bool
    judgement: Judgement
    look: int
    seeds: int
    next_seeds: int | None
    reason: str
    chance: float = nan
    e_value: float = nan


def sequential_decision(
    values: Sequence[float],
    design: SequentialDesign,
    *,
    published: float = 0.0,
    margin: float | None = None,
    published_sd: float = 0.0,
    higher_is_better: bool = True,
    unit: str = "points",
) -> SequentialDecision:
    """Go through the looks that the available runs allow, in order, and stop at the first settled verdict.

    For a comparison of variants, give the differences per seed, published 0 and no margin. Seeds beyond the look that
    settled the verdict do not change it. Noise of the published value makes the looks more alike, which only lowers
    the error rate.

    Args:
        values: values of finished runs in the planned order of seeds; NaN for failed ones, which count as run.
        design: the looks.
        published, margin, published_sd, higher_is_better, unit: as in `judge`.
    """

    def judged(runs: Sequence[float], levels: Levels) -> Judgement:
        return judge(
            runs,
            published,
            margin=margin,
            published_sd=published_sd,
            higher_is_better=higher_is_better,
            levels=levels,
            unit=unit,
        )

    evidence = e_value(values) if margin is None else nan
    latest, last, seen = Judgement(Verdict.INCONCLUSIVE, "no look yet"), design.looks[-1], 0
    for number, look in enumerate(design.looks, start=1):
        if len(values) < look.seeds:
            # non-binding: whoever went on has later looks, which count
            chance = chance_of_a_verdict(values[:seen], last.seeds, lambda runs: decided(judged(runs, last.levels)))
            if chance < FUTILE:
                reason = f"futile: at look {number - 1} the chance of a verdict by the last look is {chance:.0%}"
                return SequentialDecision(True, latest, number - 1, seen, None, reason, chance, evidence)
            reason = f"{len(values)} of {look.seeds} seeds for look {number} of {len(design.looks)}"
            reason += "" if isnan(chance) else f"; chance of a verdict by the last look {chance:.0%}"
            return SequentialDecision(False, latest, number - 1, seen, look.seeds, reason, chance, evidence)
        seen, latest = look.seeds, judged(values[: look.seeds], look.levels)
        if decided(latest):
            reason = f"settled at look {number} of {len(design.looks)} with {seen} of {design.most} seeds"
            return SequentialDecision(True, latest, number, seen, None, reason, 1.0, evidence)
    reason = f"not settled after the last look, {design.most} seeds"
    return SequentialDecision(True, latest, len(design.looks), design.most, None, reason, 0.0, evidence)
