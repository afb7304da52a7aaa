"""Boundaries against the published tables and SciPy's normal integrals; the rule look by look."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from labeldistill.statistics.equivalence import Verdict
from labeldistill.statistics.sequential import looks_at, sequential_decision, sequential_design
from labeldistill.statistics.spending import boundaries, spent

# O'Brien-Fleming type spending, two-sided 5 %, equal steps: Lan and DeMets (1983), as every textbook prints them.
PRINTED = {
    2: (2.963, 1.969),
    3: (3.710, 2.511, 1.993),
    4: (4.333, 2.963, 2.359, 2.014),
    5: (4.877, 3.357, 2.680, 2.290, 2.031),
}


@pytest.mark.parametrize(("looks", "printed"), PRINTED.items())
def test_boundaries_are_the_printed_ones(looks: int, printed: tuple[float, ...]) -> None:
    assert boundaries([k / looks for k in range(1, looks + 1)], 0.025) == pytest.approx(printed, abs=6e-4)


def test_unequal_looks_spend_alpha_by_scipys_normal_integral() -> None:
    fractions = np.array([0.25, 0.6, 1.0])
    bounds = boundaries(tuple(fractions), 0.05)
    correlation = np.sqrt(np.minimum.outer(fractions, fractions) / np.maximum.outer(fractions, fractions))
    for k in (1, 2, 3):
        inside = stats.multivariate_normal(cov=correlation[:k, :k]).cdf(np.array(bounds[:k]))
        assert 1 - inside == pytest.approx(spent(float(fractions[k - 1]), 0.05), abs=2e-4)


def test_one_look_is_the_fixed_test() -> None:
    design = sequential_design((6,))
    assert design.looks[0].levels.equivalence == pytest.approx(0.05, abs=1e-6)
    assert design.looks[0].levels.difference == pytest.approx(0.05, abs=1e-6)


def test_levels_grow_and_the_last_is_nearly_all() -> None:
    levels = [look.levels.difference for look in sequential_design((3, 6, 9, 12)).looks]
    assert levels == sorted(levels)
    assert levels[0] < 1e-4
    assert 0.04 < levels[-1] < 0.05


@pytest.mark.parametrize(
    ("seeds", "per_look", "looks"), [(6, 3, (3, 6)), (7, 3, (3, 6, 7)), (2, 3, (2,)), (10, 4, (4, 8, 10))]
)
def test_looks(seeds: int, per_look: int, looks: tuple[int, ...]) -> None:
    assert looks_at(seeds, per_look) == looks


DESIGN = sequential_design((3, 6, 9))
REPRODUCED_EARLY = [45.1, 45.11, 45.09]


def test_nothing_is_said_before_the_first_look() -> None:
    found = sequential_decision([45.1, 45.1], DESIGN, published=45.1, margin=0.5)
    assert not found.stop
    assert found.judgement.verdict is Verdict.INCONCLUSIVE
    assert (found.seeds, found.next_seeds) == (0, 3)


def test_an_obvious_verdict_stops_early_and_later_seeds_do_not_change_it() -> None:
    first = sequential_decision([45.100, 45.101, 45.099], DESIGN, published=45.1, margin=2.0)
    assert first.stop
    assert first.judgement.verdict is Verdict.REPRODUCED
    assert (first.look, first.seeds, first.next_seeds) == (1, 3, None)
    later = sequential_decision([45.100, 45.101, 45.099, 60.0, 60.0, 60.0], DESIGN, published=45.1, margin=2.0)
    assert later == first


def test_seeds_between_looks_wait_for_the_next() -> None:
    values = [44.8, 45.6, 45.0, 45.2]
    found = sequential_decision(values, DESIGN, published=45.1, margin=0.5)
    assert not found.stop
    assert (found.look, found.seeds, found.next_seeds) == (1, 3, 6)
    assert "4 of 6 seeds" in found.reason


def test_the_last_look_ends_it_either_way() -> None:
    values = list(45.1 + np.random.default_rng(0).normal(0, 3, 9))
    found = sequential_decision(values, DESIGN, published=45.1, margin=0.5)
    assert found.stop
    assert found.judgement.verdict is Verdict.INCONCLUSIVE
    assert "not settled" in found.reason


def test_failed_runs_fill_a_look_without_a_value() -> None:
    found = sequential_decision([45.1, float("nan"), float("nan")], DESIGN, published=45.1, margin=0.5)
    assert (found.look, found.next_seeds) == (1, 6)


@given(st.lists(st.floats(-1, 1, allow_nan=False), min_size=9, max_size=9))
@settings(deadline=None)
def test_it_never_rejects_where_the_fixed_test_of_that_look_would_not(values: list[float]) -> None:
    found = sequential_decision(values, DESIGN)
    if found.judgement.verdict in (Verdict.BETTER, Verdict.WORSE):
        assert stats.ttest_1samp(values[: found.seeds], 0.0).pvalue <= 0.05
