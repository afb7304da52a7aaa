"""The bootstrap for scoring agrees with the intervals computed run by run."""

import pytest
from generated_split import Size, generate

from labeldistill.evaluation.matches import Matches
from labeldistill.evaluation.matching import match
from labeldistill.evaluation.metrics import all_curves, metrics_of
from labeldistill.evaluation.slices import slices_of
from labeldistill.statistics.scene_bootstrap import SceneBootstrap
from labeldistill.statistics.scene_scores import scene_intervals

PREDICTIONS, TRUTH = generate(Size(samples=40, scenes=10, truths_per_sample=15, boxes_per_sample=25), 3)


@pytest.fixture(scope="module")
def matches() -> Matches:
    return match(PREDICTIONS, TRUTH)


def test_the_first_draw_is_the_score_and_bounds_are_those_of_the_run(matches: Matches) -> None:
    bootstrap = SceneBootstrap(200)
    drawn = bootstrap.draws(matches)
    plain = metrics_of(all_curves(matches), matches.protocol)
    assert drawn["mAP"][0] == pytest.approx(plain.mean_ap, abs=1e-9)
    assert drawn["NDS"][0] == pytest.approx(plain.nd_score, abs=1e-9)
    assert all(len(values) == 201 for values in drawn.values())
    alone = scene_intervals(matches, replicates=200)
    bounds = bootstrap.bounds(matches, None)
    assert set(bounds) == set(alone)
    for metric, one in alone.items():  # SIMD sums depend on where an array lies in memory: not to the last bit
        assert bounds[metric] == pytest.approx((one.low, one.high), abs=1e-9)


def test_runs_on_the_same_scenes_share_their_draws(matches: Matches) -> None:
    """The same run twice: no difference under any draw."""
    first, second = (SceneBootstrap(50).draws(run) for run in (matches, match(PREDICTIONS, TRUTH)))
    assert first["NDS"] == pytest.approx(second["NDS"], abs=1e-9)


def test_a_slice_has_bounds_where_it_has_scenes_enough(matches: Matches) -> None:
    bootstrap = SceneBootstrap(50)
    parts = {part.part: part for part in slices_of(["distance", "scene"], PREDICTIONS, TRUTH, matches)}
    near = bootstrap.bounds(parts["0-20 m"].matches, parts["0-20 m"].classes)
    low, high = near["mAP"]
    assert low < parts["0-20 m"].metrics().mean_ap < high
    alone = parts["scene-0000"]
    assert bootstrap.bounds(alone.matches, alone.classes) == {}


def test_a_class_shares_the_draws_of_the_whole(matches: Matches) -> None:
    bootstrap = SceneBootstrap(50)
    alone = bootstrap.bounds(matches, ["car"])  # nothing is drawn for the whole yet
    bootstrap.draws(matches)
    assert bootstrap.bounds(matches, ["car"]) == alone
    assert alone != bootstrap.bounds(matches, ["truck"])


def test_none_are_made_when_none_are_asked_for_or_scenes_are_few(matches: Matches) -> None:
    assert SceneBootstrap(0).draws(matches) == {}
    assert SceneBootstrap(0).bounds(matches, ["car"]) == {}
    few = match(*generate(Size(samples=6, scenes=3, truths_per_sample=5, boxes_per_sample=5)))
    assert SceneBootstrap(50).draws(few) == SceneBootstrap(50).bounds(few, None) == {}
