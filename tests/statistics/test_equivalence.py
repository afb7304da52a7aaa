"""Verdicts on published values: statsmodels' TOST as oracle, one word each, and what can't be said."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.weightstats import DescrStatsW

from labeldistill.statistics.equivalence import FEWEST_RUNS, Levels, Verdict, judge

RUNS = st.lists(st.floats(40, 50, allow_nan=False), min_size=2, max_size=10).filter(lambda v: np.std(v) > 1e-3)


@given(RUNS, st.floats(0.1, 3))
@settings(deadline=None)
def test_equivalence_and_difference_are_those_of_statsmodels(runs: list[float], margin: float) -> None:
    found = judge(runs, 45.0, margin=margin)
    theirs = DescrStatsW(runs)
    assert found.p_equivalence == pytest.approx(theirs.ttost_mean(45 - margin, 45 + margin)[0], abs=1e-9)
    assert found.p_difference == pytest.approx(theirs.ttest_mean(45.0)[1], abs=1e-9)
    low, high = theirs.tconfint_mean()
    assert (found.low, found.high) == pytest.approx((low - 45, high - 45), abs=1e-6)


@given(RUNS, st.floats(0.1, 3), st.floats(0, 1), st.booleans())
@settings(deadline=None)
def test_exactly_one_verdict_and_it_follows_the_p_values(
    runs: list[float], margin: float, noise: float, higher: bool
) -> None:
    found = judge(runs, 45.0, margin=margin, published_sd=noise, higher_is_better=higher)
    assert found.verdict in set(Verdict) - {Verdict.NOT_COMPARABLE}
    assert found.reason
    if len(runs) < FEWEST_RUNS:
        assert found.verdict is Verdict.INCONCLUSIVE
    elif found.p_equivalence <= 0.05:
        assert found.verdict is Verdict.REPRODUCED
    elif found.p_difference <= 0.05:
        assert found.verdict is (Verdict.BETTER if (found.difference > 0) == higher else Verdict.WORSE)
    else:
        assert found.verdict is Verdict.INCONCLUSIVE


TIGHT = [45.0, 45.1, 45.2, 45.1, 45.05]


def test_the_five_ways() -> None:
    assert judge(TIGHT, 45.1, margin=0.5).verdict is Verdict.REPRODUCED
    assert judge(TIGHT, 43.0, margin=0.5).verdict is Verdict.BETTER
    assert judge(TIGHT, 47.0, margin=0.5).verdict is Verdict.WORSE
    assert judge([44.0, 46.0, 45.5], 45.1, margin=0.5).verdict is Verdict.INCONCLUSIVE
    assert judge(TIGHT, 43.0, margin=0.5, higher_is_better=False).verdict is Verdict.WORSE


def test_the_words_say_whether_the_margin_is_exceeded() -> None:
    assert "by more than the margin" in judge(TIGHT, 43.0, margin=0.5).reason
    assert "not shown" in judge([44.0, 44.5, 44.2], 45.1, margin=0.5).reason


def test_noise_of_the_published_value_widens_everything() -> None:
    sure, noisy = judge(TIGHT, 44.5, margin=0.5), judge(TIGHT, 44.5, margin=0.5, published_sd=0.4)
    assert sure.verdict is Verdict.BETTER
    assert noisy.verdict is Verdict.INCONCLUSIVE
    assert noisy.high - noisy.low > sure.high - sure.low
    assert "no number of seeds" in noisy.reason


def test_known_noise_has_no_degrees_of_freedom() -> None:
    """With nearly all of the variance known, the interval is the normal one."""
    found = judge([45.0, 45.001], 45.0, margin=None, published_sd=1.0)
    assert found.high - found.difference == pytest.approx(1.96, abs=0.01)


def test_without_a_margin_nothing_is_reproduced() -> None:
    found = judge(TIGHT, 45.1, margin=None)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "no equivalence margin" in found.reason


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ([], "no finished run"),
        ([float("nan")] * 2, "2 failed"),
        ([45.1], "one run"),
        ([45.1, float("nan")], "one run (1 failed)"),
        ([45.1, 45.1, 45.1], "without spread"),
    ],
)
def test_too_little_is_inconclusive_and_says_why(runs: list[float], words: str) -> None:
    found = judge(runs, 45.1, margin=0.5)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert words in found.reason


def test_levels_are_honoured() -> None:
    strict = judge(TIGHT, 45.1, margin=0.5, levels=Levels(1e-9, 1e-9))
    assert strict.verdict is Verdict.INCONCLUSIVE
