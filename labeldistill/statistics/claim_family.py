"""The metrics of one claim are a family: each kind of false verdict keeps its error rate over all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

from labeldistill.statistics.equivalence import Judgement, Levels, judge
from labeldistill.statistics.estimate import Estimate
from labeldistill.statistics.holm import holm


@dataclass(frozen=True)
class Asked:
    """One metric of a claim and our runs, all in the same unit (see `equivalence.judge`)."""

    values: Sequence[float] | Estimate
    published: float
    margin: float | None
    published_sd: float
    higher_is_better: bool = True
    unit: str = "points"

    def judged(self, levels: Levels) -> Judgement:
        """The judgement of this metric alone."""
        return judge(
            self.values,
            self.published,
            margin=self.margin,
            published_sd=self.published_sd,
            higher_is_better=self.higher_is_better,
            levels=levels,
            unit=self.unit,
        )


def judge_family(asked: Sequence[Asked], levels: Levels | None = None) -> list[Judgement]:
    """One judgement per metric of a claim after Holm's correction, for equivalence and difference separately.

    Holm is applied as a level of each metric's own test, so that interval and verdict agree.

    Args:
        asked: the metrics of one claim.
        levels: error rates of the whole family.
    """
    levels = levels or Levels()
    alone = [question.judged(levels) for question in asked]
    equivalence = _steps([found.p_equivalence for found in alone], levels.equivalence)
    difference = _steps([found.p_difference for found in alone], levels.difference)
    return [
        question.judged(Levels(same, other))
        for question, same, other in zip(asked, equivalence, difference, strict=True)
    ]


def _steps(p_values: Sequence[float], alpha: float) -> list[float]:
    """The level of each p value that survives Holm: p <= level exactly if its adjusted p <= alpha."""
    return [_step(p, adjusted, alpha) for p, adjusted in zip(p_values, holm(p_values), strict=True)]


def _step(p: float, adjusted: float, alpha: float) -> float:
    if isnan(p):
        return alpha
    return alpha if adjusted == p else min(alpha, alpha * p / adjusted)
