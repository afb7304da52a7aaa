"""The table of hypotheses: verdicts with the data and the teacher they hold for; published gains stay context."""

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from labeldistill.claims.claims import load_claims
from labeldistill.claims.evidence import Evidence
from labeldistill.claims.hypotheses import load_hypotheses
from labeldistill.claims.registration import Registration
from labeldistill.config.load import load_study
from labeldistill.config.study import StudySettings
from labeldistill.reporting.hypothesis_table import HypothesisRow, hypothesis_rows, hypothesis_table
from labeldistill.reporting.scored_runs import ScoredRun
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.reporting.table_formats import formatted
from labeldistill.reporting.text_table import TableFormat

NOISE = np.random.default_rng(0).normal(0, 0.002, (4, 6))
REGISTERED = Evidence(registration=Registration(at="2026-01-01"))
GAINS = {"baseline": 0.0, "lidar-only": -0.02, "label-only": 0.0, "full": 0.03}


def _rows(study: StudySettings, runs: list[ScoredRun] | None = None, seeds: int = 6) -> dict[str, HypothesisRow]:
    table = [
        {"variant": variant, "seed": seed, "status": "finished", "weights": "ema", "metric": metric, "class": "all"}
        | {"value": 0.4 + gain + NOISE[row, seed]}
        for row, (variant, gain) in enumerate(GAINS.items())
        for seed in range(seeds)
        for metric in ("mAP", "NDS")
    ]
    tables = StudyTables(pd.DataFrame(table), tuple(study.variants), study.baseline)
    found = hypothesis_rows(study, tables, runs or [], load_hypotheses(), load_claims(), REGISTERED)
    return {f"{row.hypothesis.id} {row.metric}": row for row in found}


def test_the_three_verdicts_and_what_cant_be_tested() -> None:
    rows = _rows(load_study("mini"))
    verdicts = {name.removesuffix(" mAP"): str(row.verdict) for name, row in rows.items() if name.endswith("mAP")}
    assert verdicts == {
        "full-over-baseline": "SUPPORTED",
        "lidar-only-over-baseline": "CONTRADICTED",
        "label-only-over-baseline": "NOT SHOWN",
        "full-over-lidar-only": "SUPPORTED",
        "partition-over-undivided": "NOT SHOWN",
    }
    assert "not tested: no variant is `undivided`" in rows["partition-over-undivided mAP"].reason
    assert rows["full-over-baseline mAP"].tested is not None
    assert rows["full-over-baseline mAP"].tested.family == 8


def test_the_words_say_on_which_data_and_given_which_teacher() -> None:
    assert _rows(load_study("mini"))["full-over-baseline NDS"].reason.startswith("in the embedded world, given this")
    assert _rows(load_study("paper-r50-3f"))["full-over-baseline NDS"].reason.startswith("on nuScenes val, given this")


def test_the_published_gain_is_context_with_its_reason() -> None:
    row = _rows(load_study("mini"))["full-over-baseline mAP"]
    assert row.published == 5.1
    assert "context and no verdict" in row.reason
    assert "ConvNeXt-B" in row.reason


def test_p_values_are_one_sided_on_pairs() -> None:
    row = _rows(load_study("mini"))["full-over-baseline mAP"]
    points = 100 * (0.03 + NOISE[3] - NOISE[0])
    assert row.tested is not None
    assert row.tested.difference.p_below() == pytest.approx(stats.ttest_1samp(points, 0, alternative="greater").pvalue)
    assert row.p_signs == 1 / 64


def _with_luck(luck: float) -> Callable[[str, int, int], ScoredRun]:
    rng = np.random.default_rng(1)

    def run(unit: str, row: int, seed: int) -> ScoredRun:
        whole = 0.4 + GAINS[unit] + NOISE[row, seed]
        shared = GAINS[unit] * rng.standard_normal(200) * luck
        drawn = np.concatenate([[whole], whole + shared])
        return ScoredRun(unit, seed, "finished", "", 40, draws={"mAP": drawn, "NDS": drawn})

    return run


def test_scenes_that_carry_the_difference_widen_it() -> None:
    """The gain of `full` hangs on a few scenes: over seeds alone it stands, over seeds and scenes it does not."""
    make = _with_luck(3.0)
    runs = [make(unit, row, seed) for row, unit in enumerate(GAINS) for seed in range(6)]
    alone, both = (_rows(load_study("mini"), given)["full-over-baseline mAP"].tested for given in ([], runs))
    assert alone is not None
    assert both is not None
    assert both.difference.basis == "seeds and scenes"
    assert both.difference.error > 2 * alone.difference.error


def test_two_seeds_show_nothing() -> None:
    assert {str(row.verdict) for row in _rows(load_study("mini"), seeds=2).values()} == {"NOT SHOWN"}


def test_every_format_has_every_hypothesis() -> None:
    table = hypothesis_table(list(_rows(load_study("mini")).values()))
    for format in TableFormat:
        text = formatted(table, format, "caption")
        assert text.count("over-baseline") == 6
        assert "nan" not in re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL).lower().replace("finance", "")
