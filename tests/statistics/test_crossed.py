"""Seeds crossed with teachers: REML as oracle, and the error rate of the test whatever varies."""

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import special

from labeldistill.statistics.bootstrap import scene_weights
from labeldistill.statistics.crossed import over_runs, over_seeds_and_teachers

SD = ((0.5, 0.25, 0.3), (0.5, 0.5, 0.3), (0.5, 0.5, 0.001), (0.0, 0.5, 0.3), (0.3, 1.0, 0.1))
"""Of seeds, teachers, rest."""


def _scores(generator: np.random.Generator, seeds: int, teachers: int, sd: tuple[float, float, float]) -> np.ndarray:
    of_seeds, of_teachers, rest = sd
    found = generator.normal(0, of_seeds, (seeds, 1)) + generator.normal(0, of_teachers, (1, teachers))
    return found + generator.normal(0, rest, (seeds, teachers))


@pytest.mark.parametrize("seed", range(3))
def test_the_error_is_that_of_reml(seed: int) -> None:
    scores = 40 + _scores(np.random.default_rng(seed), 8, 5, (0.6, 0.5, 0.2))
    rows = pd.DataFrame(
        [(s, t, value) for s, of in enumerate(scores) for t, value in enumerate(of)], columns=["seed", "teacher", "y"]
    )
    parts = {"seed": "0 + C(seed)", "teacher": "0 + C(teacher)"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = sm.MixedLM.from_formula("y ~ 1", groups=np.ones(len(rows)), vc_formula=parts, data=rows).fit(reml=True)
    found = over_seeds_and_teachers(scores)
    assert found.mean == pytest.approx(float(model.fe_params.iloc[0]))
    assert found.error == pytest.approx(float(model.bse_fe.iloc[0]), rel=2e-3)


@pytest.mark.parametrize(("seeds", "teachers"), [(3, 3), (6, 3), (10, 3), (20, 3), (10, 5)])
def test_a_difference_that_is_not_there_is_found_in_at_most_five_and_a_half_percent(seeds: int, teachers: int) -> None:
    """While the t test over seeds alone is wrong in many of them."""
    for sd in SD:
        generator = np.random.default_rng(seeds)
        drawn = [_scores(generator, seeds, teachers, sd) for _ in range(3000)]
        wrong = np.mean([over_seeds_and_teachers(scores).p_two_sided() <= 0.05 for scores in drawn])
        assert wrong <= 0.055 + 2 * (0.055 * 0.945 / 3000) ** 0.5
    by_seed = np.array([scores.mean(axis=1) for scores in drawn])
    t = by_seed.mean(axis=1) / by_seed.std(axis=1, ddof=1) * seeds**0.5
    assert np.mean(2 * special.stdtr(seeds - 1, -abs(t)) <= 0.05) > 0.3


@pytest.mark.slow
def test_scenes_are_counted_once() -> None:
    """Runs that differ by their luck in single scenes alone: seeds, teachers and scenes hold it all three."""
    generator, scenes = np.random.default_rng(0), 40
    weights = scene_weights(scenes, 400).astype(float) / scenes
    wrong = 0
    for _ in range(400):
        values = generator.normal(0, 2, scenes) + generator.normal(0, 3, (6, 3, scenes))
        found = over_seeds_and_teachers(values.mean(axis=-1), values @ weights.T, scenes)
        wrong += found.p_two_sided() <= 0.05
    assert 0.02 < wrong / 400 < 0.08
    assert found.basis == "seeds, 3 teachers and scenes"


def test_one_seed_has_a_mean_and_nothing_else() -> None:
    found = over_runs(np.array([[1.0, 2.0, 3.0]]), None, 0)
    assert found.mean == 2.0
    assert np.isnan(found.p_two_sided())
    assert np.isnan(over_runs(np.empty((0, 3)), None, 0).mean)
