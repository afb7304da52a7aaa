"""Could one published run be one of ours? The prediction interval of one more run beside n runs of the same method."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import special

from labeldistill.statistics.holm import FEWEST_PAIRS
from labeldistill.statistics.summary import summarise

FEWEST_RUNS = FEWEST_PAIRS


class OneOfOurs(StrEnum):
    """The answer to whether a published run could be one of ours."""

    COULD_BE = "COULD BE OURS"
    NOT = "NOT OURS"
    CANT_TELL = "CAN'T TELL"


@dataclass(frozen=True)
class Prediction:
    """The interval of one more run, and whether the published one lies in it.

    Attributes:
        low, high: mean +- t s sqrt(1 + 1/n), in the unit of the values; NaN if n is too small.
        p: two-sided p value of "the published run is one of ours".
        answer: the answer. reason: the answer with numbers, in words.
    """

    low: float
    high: float
    p: float
    answer: OneOfOurs
    reason: str


def one_of_ours(values: Sequence[float], published: float, *, alpha: float = 0.05, unit: str = "points") -> Prediction:
    """Whether a published run could come from the same distribution as ours; its sd is that of our own runs.

    This is about one run. Whether the means of the two methods are the same is another question (`equivalence.judge`):
    a run can be one of ours by luck, and with few runs of ours nearly any number is possible.

    Args:
        values: one per run, NaN for failed ones, in the unit of `published`.
        published: the one run.
        alpha: probability of NOT OURS for one of ours. For several metrics of one claim, give each its share.
        unit: name of the unit in the reason.
    """
    runs = summarise(values)
    if runs.n < FEWEST_RUNS or not runs.sd > 0:
        why = f"{runs.n} run{'' if runs.n == 1 else 's'}" if runs.n < FEWEST_RUNS else f"all {runs.n} runs are equal"
        return Prediction(np.nan, np.nan, np.nan, OneOfOurs.CANT_TELL, f"{why}: where one more would fall is not known")
    error = runs.sd * (1 + 1 / runs.n) ** 0.5
    words = f"where {100 * (1 - alpha):g} % of single runs like our {runs.n} fall"
    return _placed(published, runs.mean, error, runs.n - 1, alpha, f"{{}} {unit} lies {{}}, {words}")


def run_beside_run(
    value: float, published: float, sd: float, *, freedom: float = np.inf, alpha: float = 0.05
) -> Prediction:
    """Whether one run of ours could be another run of the method behind one published run: published +- t sd sqrt(2).

    Args:
        value: our run. published: theirs.
        sd: standard deviation between runs of one method, in the same unit.
        freedom: degrees of freedom behind `sd`; infinite if it is taken as known.
        alpha: probability of NOT OURS for a run of the same method.
    """
    words = f"where {100 * (1 - alpha):g} % of further runs of the published method fall"
    return _placed(value, published, sd * 2**0.5, freedom, alpha, f"{{}} lies {{}}, {words}")


def _placed(value: float, centre: float, error: float, freedom: float, alpha: float, words: str) -> Prediction:
    """Where a value lies in the interval centre +- t error; `words` takes the value and "inside [a, b]"."""
    half = (
        float(special.stdtrit(freedom, 1 - alpha / 2)) if np.isfinite(freedom) else float(special.ndtri(1 - alpha / 2))
    ) * error
    z = -abs(value - centre) / error
    p = 2 * float(special.stdtr(freedom, z) if np.isfinite(freedom) else special.ndtr(z))
    low, high, inside = centre - half, centre + half, p > alpha
    place = f"{'inside' if inside else 'outside'} [{low:.4g}, {high:.4g}]"
    return Prediction(
        low, high, p, OneOfOurs.COULD_BE if inside else OneOfOurs.NOT, words.format(f"{value:.4g}", place)
    )
