"""Steps in a series of versions: planted ones are found where they are, noise has few."""

import numpy as np
import pytest

from labeldistill.statistics.change_points import steps


def _series(levels: list[float], runs: int, seed: int, sd: float = 0.5) -> list[list[float]]:
    drawn = np.random.default_rng(seed)
    return [drawn.normal(level, sd, runs).tolist() for level in levels]


def test_a_planted_step_is_found_where_it_is() -> None:
    found = steps(_series([30.0] * 6 + [28.0] * 6, 5, seed=1))
    assert [step.at for step in found] == [6]
    assert found[0].size == pytest.approx(-2.0, abs=0.4)
    assert found[0].p <= 0.05


def test_two_steps_are_found_in_order() -> None:
    assert [step.at for step in steps(_series([30.0] * 5 + [33.0] * 5 + [29.0] * 5, 4, seed=2))] == [5, 10]


def test_noise_alone_steps_no_more_often_than_it_may() -> None:
    series = [_series([30.0] * 5, 4, seed) for seed in range(60)]
    # 60 series at 5 %: more than 8 come about with a chance of 0.2 %
    assert sum(bool(steps(one, seed=number)) for number, one in enumerate(series)) <= 8


@pytest.mark.parametrize("series", [[], [[1.0, 2.0]], [[1.0], [2.0]], [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]])
def test_too_little_or_nothing_different_shows_no_step(series: list[list[float]]) -> None:
    assert steps(series) == []
