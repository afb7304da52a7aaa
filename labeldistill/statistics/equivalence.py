"""A mean over seeds against one published value: tests of equivalence (TOST) and difference, and one verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import hypot
from typing import Any

from scipy import special

from labeldistill.statistics.estimate import Estimate, over_seeds

FEWEST_RUNS = 3
"""Fewer runs give no verdict: with two, the t interval is 12.7 standard errors wide and depends on the noise model."""


class Verdict(StrEnum):
    """What can be said about a published value. NOT COMPARABLE is decided before looking at any number."""

    REPRODUCED = "REPRODUCED"
    BETTER = "BETTER"
    WORSE = "WORSE"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_COMPARABLE = "NOT COMPARABLE"


@dataclass(frozen=True)
class Levels:
    """Error rates: of calling a difference at the margin equivalent, and of calling none a difference (two-sided)."""

    equivalence: float = 0.05
    difference: float = 0.05


@dataclass(frozen=True)
class Judgement:
    """One verdict with its reason in words.

    Attributes:
        difference: our mean minus the published value; NaN without a run.
        low, high: its two-sided interval at level `1 - levels.difference`, the published value's noise included.
        p_equivalence: the larger of the two one-sided p values; NaN without margin or spread.
        p_difference: two-sided p value of "no difference".
    """

    verdict: Verdict
    reason: str
    difference: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    p_equivalence: float = float("nan")
    p_difference: float = float("nan")


def standard_error(ours: Estimate, published_sd: float) -> tuple[float, float]:
    """Standard error of mean minus published value, and its degrees of freedom."""
    return hypot(ours.error, published_sd), float(degrees_of_freedom(ours.freedom, (published_sd / ours.error) ** 2))


def degrees_of_freedom(freedom: float, ratio: Any) -> Any:
    """Degrees of freedom of an estimated variance plus a known one: those of the estimate alone at ratio 0, without end
    where the known one is everything.

    Satterthwaite's rule, freedom (1 + ratio)^2, takes the known part for nearly everything where few runs happen to lie
    close together, and then counts far too many: of three runs of sd 0.5 beside noise of 0.1, the same method was
    called different in 10 %. The two constants here were chosen by simulation over three to ten runs and all ratios:
    at most 5.2 % from four runs on, 6.4 % of three, and 4-6 % where runs of sd 0.3 to 0.5 meet noise of 0.3 and 0.5
    (`claim_simulations`).

    Args:
        freedom: of the estimated variance.
        ratio: known variance over the estimated one, a number or an array.
    """
    median = 2 * special.gammaincinv(freedom / 2, 0.5) / freedom  # of an estimate, as a share of the truth
    return freedom * (1 + median * ratio / 4) ** 3.5


def judge(
    values: Sequence[float] | Estimate,
    published: float,
    *,
    margin: float | None,
    published_sd: float = 0.0,
    higher_is_better: bool = True,
    levels: Levels | None = None,
    unit: str = "points",
) -> Judgement:
    """Verdict on runs that are comparable with a published value.

    REPRODUCED: the difference is shown to be smaller than the margin. Otherwise BETTER or WORSE: a difference from the
    published value is shown. Otherwise INCONCLUSIVE. A false REPRODUCED (true difference at the margin or beyond) and a
    false BETTER or WORSE (no true difference) each have their level as error rate.

    Args:
        values: one per run, NaN for failed ones, or an estimate of their mean if more than the seed can vary; all
            arguments have the same unit.
        published: the published value.
        margin: largest difference that counts as none; None excludes REPRODUCED.
        published_sd: known standard deviation of the published value; 0: exact.
        higher_is_better: whether higher values of the metric are better.
        levels: error rates.
        unit: name of the unit in the reason.
    """
    levels = levels or Levels()
    runs = values if isinstance(values, Estimate) else over_seeds(values)
    if reason := _unsayable(runs):
        return Judgement(Verdict.INCONCLUSIVE, reason, runs.mean - published)
    error, freedom = standard_error(runs, published_sd)
    difference = runs.mean - published
    half = float(special.stdtrit(freedom, 1 - levels.difference / 2)) * error
    p_difference = 2 * float(special.stdtr(freedom, -abs(difference) / error))
    p_equivalence = float("nan")
    if margin is not None:
        p_equivalence = float(special.stdtr(freedom, (abs(difference) - margin) / error))
    few = runs.n < FEWEST_RUNS
    verdict = (
        Verdict.INCONCLUSIVE
        if few
        else _verdict(p_equivalence, p_difference, (difference > 0) == higher_is_better, levels)
    )
    side = "better" if (difference > 0) == higher_is_better else "worse"
    noise = f"the published value taken {f'to vary by {published_sd:g}' if published_sd else 'as exact'}"
    interval = f"difference {difference:+.3g} {unit} [{difference - half:+.3g}, {difference + half:+.3g}]"
    if few:
        words = f"{interval}; {runs.n} runs say next to nothing of the spread, {FEWEST_RUNS} give a verdict; {noise}"
    elif verdict is Verdict.REPRODUCED:
        shown = f", {side} by less than the margin" if p_difference <= levels.difference else ""
        words = f"{interval}, shown to be within the margin of {margin:g}{shown}; {noise}"
    elif verdict is Verdict.INCONCLUSIVE:
        words = f"{interval}{_undecided(margin, published_sd, levels)}; {noise}"
    else:
        words = f"{side} than the published value: {interval}{_size(difference, half, margin)}; {noise}"
    return Judgement(verdict, words, difference, difference - half, difference + half, p_equivalence, p_difference)


def _unsayable(runs: Estimate) -> str:
    failed = f" ({runs.failed} failed)" if runs.failed else ""
    if runs.n == 0:
        return f"no finished run{failed}"
    if runs.n == 1:
        return f"one run{failed}: its spread is unknown, so no difference can be told from noise"
    if runs.error == 0:
        return f"all {runs.n} runs{failed} gave the same value: without spread the chance of being wrong is unknown"
    return ""


def _verdict(p_equivalence: float, p_difference: float, better: bool, levels: Levels) -> Verdict:
    if p_equivalence <= levels.equivalence:
        return Verdict.REPRODUCED
    if p_difference <= levels.difference:
        return Verdict.BETTER if better else Verdict.WORSE
    return Verdict.INCONCLUSIVE


def _undecided(margin: float | None, published_sd: float, levels: Levels) -> str:
    if margin is None:
        return " includes none, and no equivalence margin is declared"
    if margin_is_hopeless(margin, published_sd, levels.equivalence):
        return f": with that value's own noise no number of seeds can show a margin of {margin:g}"
    return f": neither a difference nor one within {margin:g} is shown"


def _size(difference: float, half: float, margin: float | None) -> str:
    """How a shown difference compares with the margin; `half`: half the width of its interval."""
    if margin is None:
        return ""
    if abs(difference) - half > margin:
        return f", by more than the margin of {margin:g}"
    if abs(difference) < margin:
        return f", by less than the margin of {margin:g} as measured (not shown: the interval reaches beyond it)"
    return f"; whether it exceeds the margin of {margin:g} is not shown"


def decided(judgement: Judgement) -> bool:
    """Whether the verdict is conclusive: a difference, or none beyond the margin."""
    return judgement.verdict in (Verdict.REPRODUCED, Verdict.BETTER, Verdict.WORSE)


def margin_is_hopeless(margin: float, published_sd: float, alpha: float = 0.05) -> bool:
    """Whether the published value's own noise alone rules out a proof of equivalence within `margin`."""
    return bool(-special.ndtri(alpha) * published_sd >= margin)
