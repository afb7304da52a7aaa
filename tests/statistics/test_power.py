"""Power against simulation and statsmodels; the seeds that the field's rules of thumb ask for."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from labeldistill.statistics.equivalence import FEWEST_RUNS
from labeldistill.statistics.power import (
    difference_power,
    equivalence_power,
    seeds_for_difference,
    seeds_for_equivalence,
)


@pytest.mark.parametrize(
    ("n", "sd", "difference", "noise"), [(5, 0.3, 0.0, 0.0), (8, 0.4, 0.2, 0.0), (6, 0.3, 0.1, 0.1)]
)
def test_equivalence_power_is_what_simulated_runs_give(n: int, sd: float, difference: float, noise: float) -> None:
    rng = np.random.default_rng(0)
    runs = rng.normal(difference, sd, (40_000, n))
    error2 = runs.var(axis=1, ddof=1) / n + noise**2
    freedom = error2**2 * (n - 1) / (runs.var(axis=1, ddof=1) / n) ** 2
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
