"""Metrics of one claim as one family, and the interval of one more run, by simulation and against closed forms."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from labeldistill.statistics.claim_family import Asked, judge_family
from labeldistill.statistics.equivalence import Levels, Verdict, decided
from labeldistill.statistics.prediction import OneOfOurs, one_of_ours, run_beside_run


def test_the_family_is_holms() -> None:
    random = np.random.default_rng(0)
    for _ in range(15):
        asked = [Asked(list(random.normal(40.4, 0.4, 5)), 40.0, 0.5, 0.1) for _ in range(2)]
        alone = [question.judged(Levels()) for question in asked]
        found = judge_family(asked)
        same = multipletests([entry.p_equivalence for entry in alone], 0.05, "holm")[0]
        differ = multipletests([entry.p_difference for entry in alone], 0.05, "holm")[0]
        for entry, is_same, is_other in zip(found, same, differ, strict=True):
            wanted = Verdict.REPRODUCED if is_same else Verdict.BETTER if is_other else Verdict.INCONCLUSIVE
            assert entry.verdict in (wanted, Verdict.WORSE if is_other and entry.difference < 0 else wanted)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.3, 0.5])
def test_the_same_method_is_rarely_called_better_or_worse(noise: float) -> None:
    """Both metrics together, the published run drawn from the same method: at most 5 %, and not far below."""
    random = np.random.default_rng(1)
    calls = 0
    for _ in range(1500):
        published = random.normal(40, noise, 2)
        asked = [Asked(list(random.normal(40, noise, 4)), value, None, noise) for value in published]
        calls += any(decided(found) for found in judge_family(asked))
    assert calls / 1500 == pytest.approx(0.05, abs=0.017)


def test_the_interval_of_one_more_run() -> None:
    runs = [40.0, 40.3, 39.8, 40.1]
    found = one_of_ours(runs, 41.5)
    half = stats.t.ppf(0.975, 3) * np.std(runs, ddof=1) * (1 + 1 / 4) ** 0.5
    assert (found.low, found.high) == pytest.approx((np.mean(runs) - half, np.mean(runs) + half))
    assert found.answer is OneOfOurs.NOT
    assert one_of_ours(runs, 40.2).answer is OneOfOurs.COULD_BE
    assert one_of_ours(runs[:2], 40.2).answer is OneOfOurs.CANT_TELL
    random = np.random.default_rng(2)
    draws = random.normal(40, 0.5, (2000, 5))
    wrong = [one_of_ours(list(row[:4]), row[4]).answer is OneOfOurs.NOT for row in draws]
    assert np.mean(wrong) == pytest.approx(0.05, abs=0.012)


def test_a_run_of_the_published_method_lies_beside_it_as_often_as_is_said() -> None:
    draws = np.random.default_rng(0).normal(40, 0.4, (4000, 8))
    known = [run_beside_run(row[0], row[1], 0.4).answer is OneOfOurs.NOT for row in draws]
    estimated = [
        run_beside_run(row[0], row[1], float(np.std(row[2:], ddof=1)), freedom=5).answer is OneOfOurs.NOT
        for row in draws
    ]
    assert 0.04 < np.mean(known) < 0.06
    assert 0.04 < np.mean(estimated) < 0.06
