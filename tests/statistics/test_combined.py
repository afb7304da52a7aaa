"""Seeds and scenes together: the limits in which one of them does not vary, and what one run can't say."""

import numpy as np
import pytest
from scipy import stats

from labeldistill.statistics.bootstrap import scene_interval, scene_weights
from labeldistill.statistics.combined import seeds_and_scenes
from labeldistill.statistics.summary import summarise

SCENES = 50
WEIGHTS = scene_weights(SCENES, 2000)
RNG = np.random.default_rng(0)


def _runs(shifts: np.ndarray, scenes: np.ndarray, own: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    luck = RNG.normal(0, own, (len(shifts), len(scenes))) if own else np.zeros((len(shifts), len(scenes)))
    values = shifts[:, None] + scenes + luck
    return values.mean(axis=1), (WEIGHTS @ values.T / SCENES).T


def test_scenes_that_do_not_vary_leave_the_seed_interval() -> None:
    shifts = np.array([0.40, 0.43, 0.41, 0.44])
    scores, replicates = _runs(shifts, np.zeros(SCENES))
    found, expected = seeds_and_scenes(scores, replicates, SCENES), summarise(list(shifts))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-6)


def test_seeds_that_do_not_vary_leave_the_scene_interval() -> None:
    values = RNG.normal(0.4, 0.1, SCENES)
    scores, replicates = _runs(np.zeros(3), values)
    found = seeds_and_scenes(scores, replicates, SCENES)
    half = stats.t.ppf(0.975, SCENES - 1) * values.std(ddof=1) / SCENES**0.5
    assert found.high - found.value == pytest.approx(half, rel=0.06)
    assert "scenes alone" in found.caveat


def test_it_is_wider_than_either() -> None:
    scores, replicates = _runs(RNG.normal(0.4, 0.01, 5), RNG.normal(0, 0.1, SCENES), own=0.05)
    both = seeds_and_scenes(scores, replicates, SCENES)
    of_seeds = summarise(list(scores))
    of_scenes = scene_interval(float(scores.mean()), replicates.mean(axis=0), SCENES)
    assert both.high - both.low > max(of_seeds.high - of_seeds.low, of_scenes.high - of_scenes.low)


def test_more_seeds_do_not_shrink_the_scenes_share() -> None:
    scenes = RNG.normal(0, 0.1, SCENES)
    few, many = (seeds_and_scenes(*_runs(RNG.normal(0.4, 0.001, n), scenes), SCENES) for n in (3, 30))
    assert many.high - many.low == pytest.approx(few.high - few.low, rel=0.1)


def test_a_seeds_own_luck_is_not_counted_twice() -> None:
    """Nothing but luck: the true variance of the mean is luck^2 / (n S), which both parts hold."""
    widths = []
    for _ in range(60):
        scores, replicates = _runs(np.zeros(10), np.zeros(SCENES), own=0.1)
        found = seeds_and_scenes(scores, replicates, SCENES)
        widths.append((found.high - found.low) / 2)
    true = 0.1 / (10 * SCENES) ** 0.5
    assert np.mean(widths) < 2.6 * true  # counted twice it would be 1.96 * sqrt(2) = 2.8 and more


def test_what_one_run_and_failed_runs_say() -> None:
    scores, replicates = _runs(np.array([0.4, np.nan]), RNG.normal(0, 0.1, SCENES))
    found = seeds_and_scenes(scores, replicates, SCENES)
    assert "nothing is said about other seeds" in found.caveat
    assert found.source == "scenes"
    assert seeds_and_scenes(scores[1:], replicates[1:], SCENES).caveat == "no finished run"
    assert "equal" in seeds_and_scenes(np.full(3, 0.4), np.full((3, 9), 0.4), 9).caveat
    assert "at least 8" in seeds_and_scenes(np.array([0.3, 0.4]), np.full((2, 9), 0.4), 5).caveat
