"""Directional hypotheses, "this one is better than that one": one-sided tests in both directions, Holm-corrected."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from labeldistill.statistics.estimate import Estimate
from labeldistill.statistics.holm import FEWEST_PAIRS, holm


class Direction(StrEnum):
    """The verdict of paired runs on a hypothesis."""

    SUPPORTED = "SUPPORTED"
    CONTRADICTED = "CONTRADICTED"
    NOT_SHOWN = "NOT SHOWN"


@dataclass(frozen=True)
class Tested:
    """One hypothesis in one metric.

    Attributes:
        difference: better minus worse, so that positive values support the hypothesis.
        p_supported: p value of "no gain", after Holm over the family; NaN with too few pairs or without spread.
        p_contradicted: likewise of "no loss".
        family: number of tests in the family.
    """

    difference: Estimate
    p_supported: float
    p_contradicted: float
    family: int
    verdict: Direction


def judge_directions(differences: Sequence[Estimate], alpha: float = 0.05) -> list[Tested]:
    """One verdict per difference; the whole list is one family.

    The chance of any false SUPPORTED (the true difference is 0 or less) is at most `alpha` over the family, and so is
    that of any false CONTRADICTED (it is 0 or more). Both verdicts of one difference exclude each other for alpha < .5.

    Args:
        differences: one per hypothesis and metric, positive if the hypothesis holds.
        alpha: error rate of each kind of false verdict.
    """
    usable = [found.n >= FEWEST_PAIRS for found in differences]
    gains = holm([found.p_below() if can else np.nan for found, can in zip(differences, usable, strict=True)])
    losses = holm([found.p_above() if can else np.nan for found, can in zip(differences, usable, strict=True)])
    family = sum(not np.isnan(p) for p in gains)
    return [
        Tested(found, gain, loss, family, _verdict(gain, loss, alpha))
        for found, gain, loss in zip(differences, gains, losses, strict=True)
    ]


def _verdict(gain: float, loss: float, alpha: float) -> Direction:
    if gain <= alpha:
        return Direction.SUPPORTED
    return Direction.CONTRADICTED if loss <= alpha else Direction.NOT_SHOWN
