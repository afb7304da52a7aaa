"""Intervals against SciPy's own, and what one run or equal runs can't say."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from labeldistill.statistics.summary import paired_differences, sd_interval, summarise

VALUES = st.lists(st.floats(-1, 1, allow_nan=False), min_size=3, max_size=20).filter(lambda v: np.std(v) > 1e-6)


@given(VALUES)
@settings(deadline=None)
def test_the_interval_is_scipys(values: list[float]) -> None:
    interval = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    summary = summarise(values)
    assert (summary.low, summary.high) == pytest.approx((interval.low, interval.high), abs=1e-9)
    assert summary.sd == pytest.approx(np.std(values, ddof=1))


def test_one_run_has_no_spread() -> None:
    summary = summarise([0.4])
    assert summary.mean == 0.4
    assert math.isnan(summary.sd)
    assert "one run" in summary.caveat


def test_failed_runs_count() -> None:
    summary = summarise([0.4, math.nan, 0.5])
    assert (summary.n, summary.failed) == (2, 1)
    assert summarise([math.nan]).caveat == "no finished run"


def test_equal_runs_say_so() -> None:
    assert "no width" in summarise([0.4, 0.4]).caveat


def test_differences_are_paired_by_seed() -> None:
    differences = paired_differences({0: 0.5, 1: 0.6, 3: 0.1}, {0: 0.4, 1: 0.4, 2: 0.9})
    assert differences[0] == pytest.approx(0.1)
    assert differences[1] == pytest.approx(0.2)
    assert math.isnan(differences[2])
    assert math.isnan(differences[3])


@pytest.mark.parametrize("n", [2, 3, 6, 20])
def test_the_interval_of_an_sd_covers_as_often_as_it_says(n: int) -> None:
    """The true sd is inside for 95 % of samples, and above as often as below."""
    samples = np.random.default_rng(n).normal(scale=2.0, size=(20_000, n))
    limits = np.array([sd_interval(sd, n) for sd in samples.std(axis=1, ddof=1)])
    assert (limits[:, 0] > 2.0).mean() == pytest.approx(0.025, abs=0.004)
    assert (limits[:, 1] < 2.0).mean() == pytest.approx(0.025, abs=0.004)
