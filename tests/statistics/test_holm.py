"""Holm's correction by hand, and the words for what a comparison shows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from labeldistill.statistics.holm import Finding, family_size, finding, holm, p_for_family
from labeldistill.statistics.paired import PairedComparison, compare_pairs

NAN = float("nan")


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
@settings(max_examples=20, deadline=None)
def test_holm_is_that_of_statsmodels(p: list[float]) -> None:
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_a_comparison_without_a_p_value_is_not_counted() -> None:
    assert family_size([0.01, NAN, 0.04]) == 2
    assert holm([0.01, NAN, 0.04])[::2] == pytest.approx([0.02, 0.04])
    assert np.isnan(holm([0.01, NAN])[1])
    assert holm([]) == []
    assert np.isnan(holm([NAN, NAN])).all()


def _pairs(*differences: float) -> PairedComparison:
    return compare_pairs(dict(enumerate(differences)), resolution=1e-9)


def _find(pairs: PairedComparison, *, higher: bool = True) -> tuple[Finding, str]:
    return finding(pairs, holm([p_for_family(pairs)])[0], alpha=0.05, higher_is_better=higher, family=1)


def test_direction_follows_the_metric() -> None:
    lower = _pairs(-0.10, -0.11, -0.09, -0.10, -0.12, -0.10)
    assert _find(lower)[0] is Finding.WORSE
    assert _find(lower, higher=False)[0] is Finding.BETTER


def test_one_and_two_pairs_can_not_tell() -> None:
    for pairs in (_pairs(-0.5), _pairs(-0.5, -0.51), _pairs()):
        assert _find(pairs)[0] is Finding.CANT_TELL
    assert "too few" in _find(_pairs(-0.5, -0.51))[1]


def test_noise_shows_no_difference() -> None:
    assert _find(_pairs(0.1, -0.1, 0.05, -0.04))[0] is Finding.NOT_SHOWN


def test_equal_pairs_are_equal() -> None:
    assert _find(_pairs(0.0, 0.0, 0.0))[0] is Finding.EQUAL
    assert _find(_pairs(0.0))[0] is Finding.EQUAL


def test_equal_differences_need_as_many_pairs_as_signs_do() -> None:
    few, many = _pairs(*[-0.05] * 5), _pairs(*[0.3 - 0.35, 0.4 - 0.45, *[-0.05] * 4])
    assert _find(few)[0] is Finding.CANT_TELL
    assert "9 pairs" not in _find(few)[1]
    assert "6 pairs" in _find(few)[1]
    found, reason = _find(many)
    assert found is Finding.WORSE
    assert "no interval" in reason


def test_few_pairs_say_what_the_verdict_rests_on() -> None:
    found, reason = _find(_pairs(0.10, 0.11, 0.105))
    assert found is Finding.BETTER
    assert "normal noise" in reason
