"""Intervals over seeds, scenes and both, and slices, as the report shows them: against the statistics themselves."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from labeldistill.reporting.intervals import interval_rows, pair_scenes
from labeldistill.reporting.numbers import bounds, p_value
from labeldistill.reporting.pairs import pair_rows
from labeldistill.reporting.scored_runs import ScoredRun
from labeldistill.reporting.slice_table import slice_rows
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.statistics.bootstrap import paired_scene_test, scene_interval
from labeldistill.statistics.combined import seeds_and_scenes
from labeldistill.statistics.summary import summarise

SEEDS, SCENES, DRAWS = 5, 12, 400
GAINS = {"baseline": 0.0, "full": 0.05, "full (ingested)": 0.2}
NEAR = "distance 0-20 m"


def _draws() -> dict[tuple[str, int], np.ndarray]:
    """[1 + R] of each run: a common part of the draws, that of the seed, and the gain."""
    random = np.random.default_rng(0)
    scenes = np.concatenate([[0.0], random.normal(0, 0.02, DRAWS)])
    return {
        (unit, seed): 0.3 + gain + random.normal(0, 0.01) + scenes + 0.1 * gain * random.normal(0, 0.1, DRAWS + 1)
        for unit, gain in GAINS.items()
        for seed in range(SEEDS)
    }


DRAWN = _draws()
DIVERGED = ("full", 4)


def _tables() -> StudyTables:
    rows = [
        {"variant": unit, "seed": seed, "metric": metric, "slice": part, "value": values[0] + extra}
        | {"weights": "ema", "class": "all", "run_key": "k", "study": "x", "split": "val"}
        | {"status": "diverged" if (unit, seed) == DIVERGED else "finished"}
        for (unit, seed), values in DRAWN.items()
        for metric, part, extra in (
            ("mAP", "all", 0.0),
            ("NDS", "all", 0.1),
            (f"mAP@{NEAR}", NEAR, 0.2),
            (f"truths@{NEAR}", NEAR, 40.0),
        )
    ]
    return StudyTables(pd.DataFrame(rows), ("baseline", "full"), "baseline")


def _runs(scenes: int = SCENES) -> list[ScoredRun]:
    return [
        ScoredRun(unit, seed, "diverged" if (unit, seed) == DIVERGED else "finished", "", scenes, (), {"mAP": values})
        if scenes >= 8
        else ScoredRun(unit, seed, "finished", "", scenes)
        for (unit, seed), values in DRAWN.items()
    ]


def test_every_unit_has_its_three_intervals() -> None:
    rows = {(row.unit, row.metric): row for row in interval_rows(_tables(), _runs())}
    full = rows["full", "mAP"]
    drawn = np.array([DRAWN["full", seed] for seed in range(SEEDS - 1)])  # without the one that diverged
    mean = drawn.mean(axis=0)
    assert full.seeds == summarise([*drawn[:, 0], np.nan])
    assert full.scenes == scene_interval(float(mean[0]), mean[1:], SCENES)
    assert full.both == seeds_and_scenes(drawn[:, 0], drawn[:, 1:], SCENES)
    assert full.both.high - full.both.low > max(
        full.seeds.high - full.seeds.low, (full.scenes.high - full.scenes.low) * 0.9
    )
    assert ("full (ingested)", "mAP") in rows


def test_a_study_that_draws_no_scenes_is_not_told_to_have_too_few() -> None:
    runs = [replace(run, draws={}) for run in _runs()]
    row = interval_rows(_tables(), runs)[0]
    assert bounds(row.scenes) == "-"
    assert "the study draws no scenes" in row.caveat
    assert "at least" not in row.caveat


def test_few_scenes_say_why_there_is_no_interval() -> None:
    row = interval_rows(_tables(), _runs(scenes=3))[0]
    assert bounds(row.scenes) == bounds(row.both) == "-"
    assert "3 scenes: an interval over scenes needs at least 8" in row.caveat
    assert bounds(row.seeds) != "-"


def test_a_pair_is_drawn_on_the_same_scenes() -> None:
    """What both runs share with the drawn scenes cancels: the paired interval is far narrower than either run's."""
    tables, runs = _tables(), _runs()
    row = next(row for row in pair_rows(tables) if (row.variant, row.metric) == ("full", "mAP"))
    found = pair_scenes(tables, runs, row)
    drawn = np.mean([DRAWN["full", seed] - DRAWN["baseline", seed] for seed in range(SEEDS - 1)], axis=0)
    assert found.scenes == scene_interval(float(drawn[0]), drawn[1:], SCENES)
    assert found.p == paired_scene_test(float(drawn[0]), drawn[1:], SCENES)
    alone = next(row for row in interval_rows(tables, runs) if (row.unit, row.metric) == ("full", "mAP"))
    assert found.scenes.high - found.scenes.low < 0.1 * (alone.scenes.high - alone.scenes.low)
    assert row.pairs.n == SEEDS - 1
    assert row.pairs.summary.failed == 1


def test_without_draws_only_the_scenes_are_unsaid() -> None:
    tables = _tables()
    row = pair_rows(tables)[0]
    found = pair_scenes(tables, _runs(scenes=3), row)
    assert p_value(found.p) == "-"
    assert "3 scenes" in found.scenes.caveat
    assert row.pairs.p_t < 0.05


def test_slices_are_summarised_and_paired_as_the_whole_is() -> None:
    tables = _tables()
    (row,) = slice_rows(tables)
    assert (row.criterion, row.part, row.truths) == ("distance", "0-20 m", 40)
    near = [DRAWN["full", seed][0] + 0.2 for seed in range(SEEDS - 1)]
    assert row.cells["full"].summary.mean == pytest.approx(np.mean(near))
    assert row.cells["full"].summary.failed == 1
    difference = row.cells["full"].difference
    assert difference is not None
    assert difference.mean == pytest.approx(summarise(list(tables.deltas("full", "mAP").values())).mean)
    assert row.cells["baseline"].difference is None
    assert row.cells["full (ingested)"].difference is None  # its own baseline was not taken in


@pytest.mark.parametrize(("value", "text"), [(0.0, "< 0.001"), (0.0312, "0.031"), (float("nan"), "-"), (1.0, "1.000")])
def test_p_values_are_never_nought(value: float, text: str) -> None:
    assert p_value(value) == text
