"""Paired tests against SciPy and against all sign patterns written out."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from labeldistill.statistics.paired import compare_pairs, paired_t, pairs_for_sign_flip, sign_flip

DIFFERENCES = st.lists(st.floats(-1, 1, allow_nan=False), min_size=3, max_size=8).filter(lambda v: np.std(v) > 1e-3)


@given(DIFFERENCES)
@settings(deadline=None)
def test_paired_t_is_scipys(differences: list[float]) -> None:
    base = np.linspace(0.2, 0.5, len(differences))
    theirs = stats.ttest_rel(base + differences, base).pvalue
    assert paired_t(differences) == pytest.approx(theirs, rel=1e-6)


def _brute_force(differences: list[float]) -> float:
    observed = abs(np.mean(differences))
    means = [abs(np.mean(np.multiply(signs, differences))) for signs in product((1, -1), repeat=len(differences))]
    return float(np.mean(np.asarray(means) >= observed * (1 - 1e-9)))


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=7).filter(any))
@settings(max_examples=40, deadline=None)
def test_sign_flip_is_the_share_of_all_patterns(differences: list[int]) -> None:
    found = sign_flip([float(d) for d in differences])
    assert found.error == 0
    assert found.p == pytest.approx(_brute_force([float(d) for d in differences]))


def test_beyond_the_exact_range_the_error_is_stated() -> None:
    differences = list(np.random.default_rng(0).normal(0.35, 1, 18))
    found = sign_flip(differences)
    signs = np.array(list(product((1, -1), repeat=18)), dtype=np.int8)
    exact = np.mean(np.abs(signs @ np.asarray(differences)) >= abs(np.sum(differences)) * (1 - 1e-12))
    assert 0 < found.error < 0.004
    assert abs(found.p - exact) < 4 * found.error
    assert sign_flip(differences).p == found.p


def test_six_pairs_are_needed_for_a_sign_flip_verdict() -> None:
    assert pairs_for_sign_flip() == 6
    assert sign_flip([0.1, 0.2, 0.3, 0.4, 0.5]).p > 0.05
    assert sign_flip([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]).p == 2 / 64
    assert pairs_for_sign_flip(0.05, 6) == 8
    assert pairs_for_sign_flip(2 / 64) == 6


def test_failed_pairs_are_counted_and_left_out() -> None:
    found = compare_pairs({3: 0.2, 0: 0.1, 1: float("nan")})
    assert found.seeds == (0, 3)
    assert found.differences == (0.1, 0.2)
    assert (found.n, found.summary.failed) == (2, 1)


def test_what_too_little_can_not_say() -> None:
    assert np.isnan(paired_t([0.1]))
    assert np.isnan(paired_t([0.1, 0.1, 0.1]))
    assert np.isnan(paired_t([0.3 - 0.2, 0.4 - 0.3, 0.5 - 0.4], resolution=1e-9))
    assert np.isnan(sign_flip([]).p)
    assert sign_flip([0.0, 0.0]).p == 1.0
