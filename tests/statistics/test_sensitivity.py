"""Exact sign tests, outlying runs and failure rates against SciPy and statsmodels, and the rates that they keep."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from labeldistill.statistics.equivalence import Verdict
from labeldistill.statistics.sensitivity import failure_rate, failure_words, outlying, sign_p

RUNS = st.lists(st.floats(-3, 3, allow_nan=False), min_size=1, max_size=12)


@given(RUNS)
def test_the_sign_test_is_that_of_scipy(values: list[float]) -> None:
    above = sum(value > 0 for value in values)
    below = sum(value < 0 for value in values)
    tails = [stats.binomtest(hits, len(values), 0.5, alternative="greater").pvalue for hits in (above, below)]
    assert sign_p(values, 0.0, 0.5, Verdict.WORSE) == pytest.approx(min(1.0, 2 * min(tails)))


def test_equivalence_needs_five_runs_without_normal_noise() -> None:
    for n, p in ((3, 0.125), (4, 0.0625), (5, 0.03125)):
        assert sign_p([40.0] * n, 40.1, 0.5, Verdict.REPRODUCED) == pytest.approx(p)
    assert sign_p([40.0] * 4 + [41.0], 40.1, 0.5, Verdict.REPRODUCED) == pytest.approx(6 / 32)
    assert np.isnan(sign_p([40.0], 40.1, 0.5, Verdict.INCONCLUSIVE))


def test_the_sign_test_holds_its_level_on_skewed_seeds() -> None:
    random = np.random.default_rng(0)
    median = float(np.exp(0))
    calls = [sign_p(list(random.lognormal(0, 1, 8)), median, 0.1, Verdict.WORSE) <= 0.05 for _ in range(2000)]
    assert np.mean(calls) <= 0.05
    t = [stats.ttest_1samp(random.lognormal(0, 1, 8), np.exp(0.5)).pvalue <= 0.05 for _ in range(2000)]
    assert np.mean(t) > 0.1  # what the line is for


def test_one_contaminated_seed_is_named_and_normal_ones_rarely() -> None:
    found = outlying({0: 40.0, 1: 40.1, 2: 39.9, 3: 40.05, 4: 35.0, 5: float("nan")})
    assert found is not None
    assert found.seed == 4
    assert found.p < 0.01
    random = np.random.default_rng(1)
    calls = [outlying(dict(enumerate(random.normal(0, 1, 6)))) is not None for _ in range(2000)]
    assert np.mean(calls) == pytest.approx(0.05, abs=0.015)
    assert outlying({0: 1.0, 1: 2.0, 2: 9.0}) is None
    assert outlying(dict.fromkeys(range(6), 1.0)) is None


def test_the_rate_of_failures_is_that_of_statsmodels() -> None:
    for failed, planned in ((0, 3), (1, 6), (3, 3), (7, 20)):
        _, low, high = failure_rate(failed, planned)
        assert (low, high) == pytest.approx(proportion_confint(failed, planned, method="beta"))
    assert failure_words(1, 6) == "1 of 6 runs have no score: 17 % [0.42 %, 64 %]"
