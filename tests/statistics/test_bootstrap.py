"""Scene bootstrap: weights, intervals against SciPy's bootstrap, the paired test as the interval's inversion."""

import numpy as np
import pytest
from scipy import stats

from labeldistill.statistics.bootstrap import (
    paired_scene_test,
    scene_interval,
    scene_weights,
    widened,
)

SCENES = 60
RNG = np.random.default_rng(0)
VALUES = RNG.gamma(2.0, 1.0, SCENES)


def _mean(weights: np.ndarray) -> np.ndarray:
    return weights @ VALUES / weights.sum(axis=1)


def test_weights_are_draws_with_replacement() -> None:
    weights = scene_weights(SCENES, 4000)
    assert (weights.sum(axis=1) == SCENES).all()
    assert weights.mean() == pytest.approx(1.0)
    assert weights.var() == pytest.approx(1 - 1 / SCENES, abs=0.02)  # binomial


def test_weights_are_the_same_every_time_and_can_not_be_changed() -> None:
    scene_weights.cache_clear()
    first = scene_weights(5, 10).copy()
    scene_weights.cache_clear()
    assert (scene_weights(5, 10) == first).all()
    assert (scene_weights(5, 10, seed=1) != first).any()
    with pytest.raises(ValueError, match="read-only"):
        scene_weights(5, 10)[0, 0] = 9


def test_the_interval_is_scipys_percentile_interval_at_the_widened_level() -> None:
    tail = stats.norm.cdf(widened(SCENES) * stats.t.ppf(0.025, SCENES - 1))
    theirs = stats.bootstrap(
        (VALUES,), np.mean, confidence_level=1 - 2 * tail, n_resamples=20_000, method="percentile", rng=RNG
    ).confidence_interval
    ours = scene_interval(float(VALUES.mean()), _mean(scene_weights(SCENES, 20_000)), SCENES)
    assert ours.value == pytest.approx(VALUES.mean())
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)


def test_few_scenes_widen_it_to_the_t_interval() -> None:
    values = np.random.default_rng(1).normal(0, 1, 8)
    replicates = scene_weights(8, 20_000) @ values / 8
    ours = scene_interval(float(values.mean()), replicates, 8)
    half = stats.t.ppf(0.975, 7) * values.std(ddof=1) / 8**0.5
    plain = np.quantile(replicates, [0.025, 0.975])
    assert ours.high - ours.low > 1.2 * (plain[1] - plain[0])
    assert ours.high - ours.low == pytest.approx(2 * half, rel=0.12)


@pytest.mark.parametrize("scenes", [1, 2, 7])
def test_too_few_scenes_say_nothing(scenes: int) -> None:
    found = scene_interval(0.4, np.full(10, 0.4), scenes)
    assert np.isnan([found.low, found.high]).all()
    assert "at least 8" in found.caveat


def test_replicates_without_a_value_are_counted() -> None:
    replicates = np.append(_mean(scene_weights(SCENES, 500)), [np.nan, np.nan])
    assert "2 of 502" in scene_interval(1.0, replicates, SCENES).caveat


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.25, 0.4])
def test_the_paired_test_inverts_the_interval(shift: float) -> None:
    noise = np.random.default_rng(2).normal(0, 1, SCENES)
    difference = noise - noise.mean() + shift
    replicates = scene_weights(SCENES, 4000) @ difference / SCENES
    p = paired_scene_test(float(difference.mean()), replicates, SCENES)
    interval = scene_interval(float(difference.mean()), replicates, SCENES)
    assert (p <= 0.05) == (0.0 not in interval)


def test_the_paired_test_is_near_the_paired_t_test() -> None:
    difference = np.random.default_rng(3).normal(0.25, 1, SCENES)
    replicates = scene_weights(SCENES, 20_000) @ difference / SCENES
    p = paired_scene_test(float(difference.mean()), replicates, SCENES)
    assert p == pytest.approx(stats.ttest_1samp(difference, 0).pvalue, rel=0.25)


def test_equal_runs_and_single_scenes() -> None:
    assert paired_scene_test(0.0, np.zeros(100), SCENES) == 1.0
    assert np.isnan(paired_scene_test(0.1, np.full(100, 0.1), 7))
