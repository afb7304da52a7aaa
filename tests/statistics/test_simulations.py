"""Evidence by simulation: 95 % intervals cover 93 to 97 %, 5 % tests reject 4 to 6 %, the sequential rule keeps 5 %."""

import pytest

from labeldistill.statistics import simulations
from labeldistill.statistics.claim_simulations import SameMethod
from labeldistill.statistics.simulations import DIFFERENT, SAME, Rate, Scenes

pytestmark = pytest.mark.slow


def _holds(rate: Rate, low: float, high: float) -> None:
    assert low <= rate.rate <= high, rate
    assert rate.error < 0.005, "too few experiments to say"


def test_the_true_score_of_the_simulated_scenes() -> None:
    import numpy as np

    scenes = Scenes.draw(np.random.default_rng(0), 400_000)
    score = scenes.score(np.ones((1, 400_000)), 0.0, np.zeros(400_000))[0]
    assert score == pytest.approx(simulations.TRUE_SCORE, abs=0.1)


@pytest.mark.parametrize("n", [3, 6, 10])
def test_seed_intervals_cover(n: int) -> None:
    _holds(simulations.seed_interval(n, 8000), 0.93, 0.97)


@pytest.mark.parametrize("scenes", [8, 20, 50])
def test_scene_bootstrap_covers(scenes: int) -> None:
    _holds(simulations.scene_bootstrap(scenes, 8000), 0.93, 0.97)


@pytest.mark.parametrize(("n", "scenes"), [(3, 50), (6, 50)])
def test_seeds_and_scenes_cover(n: int, scenes: int) -> None:
    _holds(simulations.seeds_and_scenes_interval(n, scenes, 8000), 0.93, 0.97)


@pytest.mark.parametrize("n", [3, 6, 10])
def test_paired_t_rejects_one_in_twenty(n: int) -> None:
    _holds(simulations.paired_t_rejects(n, 10_000), 0.04, 0.06)


def test_sign_flip_rejects_one_in_twenty() -> None:
    _holds(simulations.sign_flip_rejects(8, 4000), 0.04, 0.06)


def test_six_pairs_of_signs_can_only_reject_two_in_sixty_four() -> None:
    _holds(simulations.sign_flip_rejects(6, 4000), 0.022, 0.04)


def test_paired_scene_bootstrap_rejects_one_in_twenty() -> None:
    _holds(simulations.paired_scenes_reject(50, 10_000), 0.04, 0.06)


def test_a_family_is_wrong_once_in_twenty() -> None:
    _holds(simulations.family_rejects(6, 6, 4000), 0.04, 0.06)


@pytest.mark.parametrize(("n", "noise"), [(5, 0.0), (10, 0.0), (6, 0.1)])
def test_a_difference_at_the_margin_is_called_reproduced_once_in_twenty(n: int, noise: float) -> None:
    _holds(simulations.judged(SAME, 0.5, n, noise, 8000), 0.04, 0.06)


def test_no_difference_is_rarely_called_one() -> None:
    """REPRODUCED goes first, so that the test of a difference does not use up its 5 %."""
    assert simulations.judged(DIFFERENT, 0.0, 3, 0.0, 4000).rate < 0.05


@pytest.mark.parametrize(
    "drawn",
    [
        *(SameMethod(seeds, noise, metrics=2) for seeds, noise in ((3, 0.3), (6, 0.5), (10, 0.3))),
        *(SameMethod(seeds, noise, sd=0.5, metrics=metrics) for seeds, noise, metrics in ((3, 0.3, 1), (3, 0.5, 2))),
        SameMethod(4, 0.1, sd=0.5),
    ],
    ids=repr,
)
def test_the_published_method_itself_is_called_better_or_worse_once_in_twenty(drawn: SameMethod) -> None:
    _holds(drawn.called_different(8000), 0.04, 0.06)


def test_hardly_any_noise_beside_three_runs_is_the_worst_case() -> None:
    """Satterthwaite's rule has 10 % there."""
    assert SameMethod(3, 0.1, sd=0.5).called_different(8000).rate < 0.07


def test_metrics_that_move_together_are_wrong_less_often() -> None:
    assert 0.025 < SameMethod(6, 0.5, correlation=0.8).called_different(8000).rate < 0.05


LOOKS = ((3, 6, 9), (3, 6, 9, 12, 15))


@pytest.mark.parametrize("looks", LOOKS)
def test_looking_again_and_again_keeps_the_error_rate(looks: tuple[int, ...]) -> None:
    _holds(simulations.sequential_comparison(looks, 8000), 0.04, 0.06)


@pytest.mark.parametrize("looks", LOOKS)
def test_sequential_verdicts_on_a_claim_are_wrong_at_most_once_in_twenty(looks: tuple[int, ...]) -> None:
    """Less than 5 %: a true BETTER or REPRODUCED often ends the study first."""
    assert simulations.sequential(SAME, 0.5, looks, 5000).rate < 0.05
    assert simulations.sequential(DIFFERENT, 0.0, looks, 5000).rate < 0.05


def test_looking_without_spending_would_not_keep_it() -> None:
    """The planted fault: the same looks at 5 % each."""
    import numpy as np

    from labeldistill.statistics.sequential import Levels, Look, SequentialDesign, sequential_decision

    naive = SequentialDesign(tuple(Look(n, Levels()) for n in (3, 6, 9, 12, 15)), 0.05)
    rng = np.random.default_rng(0)
    stopped = [
        sequential_decision(list(rng.normal(0, 1, 15)), naive).judgement.verdict in DIFFERENT for _ in range(3000)
    ]
    assert np.mean(stopped) > 0.1
