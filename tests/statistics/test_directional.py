"""Directional hypotheses: SciPy's one-sided t and statsmodels' Holm as oracles, and both error rates by simulation."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from labeldistill.statistics.directional import Direction, judge_directions
from labeldistill.statistics.estimate import over_seeds

RNG = np.random.default_rng(0)


def test_p_values_are_those_of_scipy_and_statsmodels() -> None:
    samples = [list(RNG.normal(shift, 0.5, 6)) for shift in (-0.6, 0.0, 0.3, 0.9)]
    found = judge_directions([over_seeds(values) for values in samples])
    for side, name in (("greater", "p_supported"), ("less", "p_contradicted")):
        alone = [stats.ttest_1samp(values, 0, alternative=side).pvalue for values in samples]
        assert [getattr(one, name) for one in found] == pytest.approx(list(multipletests(alone, method="holm")[1]))
    assert {one.family for one in found} == {4}


def test_each_verdict() -> None:
    differences = [[1.0, 1.1, 0.9, 1.0], [-1.0, -1.1, -0.9, -1.0], [1.0, -1.1, 0.2, -0.3]]
    verdicts = [one.verdict for one in judge_directions([over_seeds(values) for values in differences])]
    assert verdicts == [Direction.SUPPORTED, Direction.CONTRADICTED, Direction.NOT_SHOWN]


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 1.01], [1.0, 1.0, 1.0, 1.0], [np.nan, np.nan, 1.0, 1.1]])
def test_too_few_pairs_or_no_spread_show_nothing_and_cost_the_family_nothing(values: list[float]) -> None:
    found = judge_directions([over_seeds(values, 1e-9), over_seeds([1.0, 1.2, 0.9])])
    assert found[0].verdict is Direction.NOT_SHOWN
    assert np.isnan(found[0].p_supported)
    assert found[1].family == 1
    assert found[1].verdict is Direction.SUPPORTED


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 6])
def test_a_false_support_anywhere_in_the_family_has_its_error_rate(n: int) -> None:
    runs = 4000
    drawn = np.random.default_rng(n).normal(0, 0.5, (runs, 5, n))
    wrong = [
        any(one.verdict is Direction.SUPPORTED for one in judge_directions([over_seeds(list(v)) for v in family]))
        for family in drawn
    ]
    assert 0.035 <= np.mean(wrong) <= 0.06
