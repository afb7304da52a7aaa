"""Interim looks: the e-value's promise under looks at every pair, its formula, and chances that come true."""

from math import isnan

import numpy as np
import pytest
from scipy import integrate, stats

from labeldistill.statistics.equivalence import Verdict, decided, judge
from labeldistill.statistics.interim import chance_of_a_verdict, e_value
from labeldistill.statistics.sequential import sequential_decision, sequential_design


def test_the_e_value_is_a_ratio_of_t_densities() -> None:
    """Of the noncentral t over the effect's prior, to the central one."""
    differences = [0.4, 0.1, 0.6, 0.3, 0.5]
    n = len(differences)
    t = float(stats.ttest_1samp(differences, 0).statistic)

    def under(effect: float) -> float:
        return float(stats.nct.pdf(t, n - 1, effect * n**0.5) * stats.norm.pdf(effect))

    expected = integrate.quad(under, -6, 6)[0] / stats.t.pdf(t, n - 1)
    assert e_value(differences) == pytest.approx(expected, rel=1e-6)
    assert e_value([0.4]) == 1.0
    assert isnan(e_value([0.4, 0.4]))


def test_looking_at_every_pair_crosses_twenty_in_at_most_five_percent() -> None:
    generator = np.random.default_rng(0)
    crossed = sum(
        any(e_value(list(drawn[:n])) >= 20 for n in range(2, 31)) for drawn in generator.normal(0, 0.5, (1500, 30))
    )
    assert crossed / 1500 <= 0.05
    found = sum(e_value(list(drawn)) >= 20 for drawn in generator.normal(1.2, 0.5, (200, 6)))
    assert found > 100  # and it does find what is there


def test_the_chance_of_a_verdict_comes_true() -> None:
    """Over studies whose mean and spread are drawn as the prior says, as many are settled as was foretold."""
    generator = np.random.default_rng(1)

    def settles(runs: list[float]) -> bool:
        return decided(judge(runs, 0.0, margin=0.5))

    foretold, came = [], []
    for _ in range(120):
        spread = np.exp(generator.uniform(np.log(0.1), np.log(4)))
        runs = list(generator.normal(generator.uniform(-4, 4), spread, 9))
        foretold.append(chance_of_a_verdict(runs[:3], 9, settles))
        came.append(settles(runs))
    assert np.mean(foretold) == pytest.approx(np.mean(came), abs=0.1)
    low = [then for chance, then in zip(foretold, came, strict=True) if chance < 0.7]
    assert np.mean(low) < np.mean(came)


def test_a_hopeless_question_is_futile_and_says_so() -> None:
    design = sequential_design((3, 6, 9))
    found = sequential_decision([0.0, 3.0, -3.0, 0.2, 2.8, -3.1], design, published=0.0, margin=0.1)
    assert found.stop
    assert found.judgement.verdict is Verdict.INCONCLUSIVE
    assert found.next_seeds is None
    assert found.reason.startswith("futile: at look 2 the chance of a verdict by the last look is ")
    hopeful = sequential_decision([0.1, -0.2, 0.15], design, published=0.0, margin=0.5)
    assert not hopeful.stop
    assert "chance of a verdict by the last look" in hopeful.reason
    assert hopeful.chance > 0.5
    assert isnan(hopeful.e_value)
