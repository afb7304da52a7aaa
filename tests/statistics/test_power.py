"""Power against simulation and statsmodels; the seeds that the field's rules of thumb ask for."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from labeldistill.statistics.claim_family import Asked, judge_family
from labeldistill.statistics.equivalence import FEWEST_RUNS, Verdict, degrees_of_freedom
from labeldistill.statistics.holm import holm
from labeldistill.statistics.paired import paired_t
from labeldistill.statistics.power import (
    Spread,
    difference_power,
    equivalence_power,
    joint_equivalence_power,
    seeds_for_claim,
    seeds_for_difference,
    seeds_for_equivalence,
)


@pytest.mark.parametrize(
    ("n", "sd", "difference", "noise"), [(5, 0.3, 0.0, 0.0), (8, 0.4, 0.2, 0.0), (6, 0.3, 0.1, 0.1)]
)
def test_equivalence_power_is_what_simulated_runs_give(n: int, sd: float, difference: float, noise: float) -> None:
    rng = np.random.default_rng(0)
    runs = rng.normal(difference, sd, (40_000, n))
    variance = runs.var(axis=1, ddof=1) / n
    error2, freedom = variance + noise**2, degrees_of_freedom(n - 1, noise**2 / variance)
    mean = runs.mean(axis=1) - rng.normal(0, noise, len(runs))
    shown = np.abs(mean) + stats.t.ppf(0.95, freedom) * np.sqrt(error2) <= 0.5
    assert equivalence_power(n, sd, 0.5, difference=difference, published_sd=noise) == pytest.approx(
        shown.mean(), abs=0.01
    )


def test_half_a_point_at_a_spread_of_a_third_needs_five_seeds() -> None:
    assert equivalence_power(5, 0.3, 0.5) == pytest.approx(0.84, abs=0.005)
    assert seeds_for_equivalence(0.3, 0.5) == 5
    assert seeds_for_equivalence(0.5, 0.5) == 10


@pytest.mark.parametrize("sd", [0.1, 0.37, 0.8, 2.0])
def test_one_seed_less_is_not_enough(sd: float) -> None:
    n = seeds_for_equivalence(sd, 0.5)
    assert n is not None
    assert equivalence_power(n, sd, 0.5) >= 0.795
    assert n == FEWEST_RUNS or equivalence_power(n - 1, sd, 0.5) < 0.795


def test_noise_of_the_published_value_can_rule_it_out() -> None:
    assert seeds_for_equivalence(0.3, 0.5, published_sd=0.31) is None  # 1.645 x 0.31 > 0.5
    assert seeds_for_equivalence(0.3, 0.5, published_sd=0.25) is None  # the noise alone leaves less than 80 %
    more = seeds_for_equivalence(0.3, 0.5, published_sd=0.1)
    assert more is not None
    assert more > 5


def test_power_at_the_margin_is_the_error_rate() -> None:
    assert equivalence_power(10, 0.3, 0.5, difference=0.5) == pytest.approx(0.05, abs=0.001)
    assert equivalence_power(1, 0.3, 0.5) == 0


def test_pairs_for_a_difference_are_those_of_statsmodels() -> None:
    for difference, expected in ((0.025, 4), (0.015, 6), (0.010, 10)):
        assert seeds_for_difference(0.010, difference) == expected
    for n in (3, 6, 20):
        assert difference_power(n, 1.0, 0.7) == pytest.approx(TTestPower().power(0.7, n, 0.05), abs=1e-4)
    assert difference_power(2, 1.0, 9.0) == 0  # two pairs give no finding
    assert seeds_for_difference(0.5, 4.7) == 3  # where SciPy's noncentral t is NaN
    assert seeds_for_difference(1.0, 0.001) is None


@pytest.mark.parametrize("family", [[(0.4, 0.0), (0.6, 0.1)], [(0.3, 0.0), (0.3, 0.0)], [(0.4, 0.0)]])
def test_the_planned_power_of_a_claim_is_that_of_the_judge(family: list[tuple[float, float]]) -> None:
    """Simulated through the code that gives the verdicts: both metrics REPRODUCED after Holm."""
    spreads = [Spread(sd, 0.5, noise) for sd, noise in family]
    n = seeds_for_claim(spreads)
    assert n is not None
    generator, both = np.random.default_rng(0), 0
    for _ in range(1500):
        asked = [
            Asked(list(generator.normal(0, s.sd, n)), generator.normal(0, s.published_sd), s.margin, s.published_sd)
            for s in spreads
        ]
        both += all(found.verdict is Verdict.REPRODUCED for found in judge_family(asked))
    assert both / 1500 == pytest.approx(joint_equivalence_power(n, spreads), abs=0.03)
    assert both / 1500 > 0.77
    if len(family) > 1:  # what one metric alone would have asked for is too few
        alone = max(seeds_for_equivalence(s.sd, s.margin, published_sd=s.published_sd) or 0 for s in spreads)
        assert n >= alone + (family[0] == family[1])  # the narrower one costs nothing


@pytest.mark.parametrize("family", [2, 6])
def test_the_planned_power_of_a_difference_is_that_of_the_family(family: int) -> None:
    n = seeds_for_difference(0.4, 0.5, alpha=0.05 / family)
    assert n is not None
    generator, found = np.random.default_rng(0), 0
    for _ in range(2000):
        drawn = [generator.normal(0.5 * (place == 0), 0.4, n) for place in range(family)]
        found += holm([paired_t(list(values)) for values in drawn])[0] <= 0.05
    assert found / 2000 == pytest.approx(difference_power(n, 0.4, 0.5, alpha=0.05 / family), abs=0.03)
