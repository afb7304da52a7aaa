"""Which claims can be judged by which study, and the words where they can't."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from labeldistill.claims.claims import Claim, load_claims
from labeldistill.claims.comparability import why_not_comparable
from labeldistill.config.load import load_study
from labeldistill.config.study import StudySettings
from labeldistill.config.verdict import VerdictSettings
from labeldistill.errors import InputError
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.reporting.verdicts import ClaimRow, claim_rows

CLAIMS = load_claims()
PAPER = load_study("paper-r50-3f")


def tables_of(study: StudySettings, scores: Callable[[str, str, int], float], seeds: int = 5) -> StudyTables:
    rows = [
        {
            "study": study.name,
            "variant": variant,
            "seed": seed,
            "run_key": "k",
            "status": "diverged" if np.isinf(scores(variant, metric, seed)) else "finished",
            "weights": "ema",
            "split": "val",
            "metric": metric,
            "class": "all",
            "value": min(scores(variant, metric, seed), 1.0),
        }
        for variant in (*study.variants, "teacher")
        for seed in range(seeds)
        for metric in ("mAP", "NDS", "mATE")
    ]
    return StudyTables(pd.DataFrame(rows), tuple(study.variants), study.baseline)


def _full_at(mean: float, spread: float = 0.002) -> Callable[[str, str, int], float]:
    return lambda variant, metric, seed: (mean if variant == "full" else 0.3) + spread * (seed - 2)


def _rows(study: StudySettings, scores: Callable[[str, str, int], float]) -> dict[tuple[str, str], ClaimRow]:
    return {(row.variant, row.metric): row for row in claim_rows(study, tables_of(study, scores), CLAIMS)}


def _with(**changes: Any) -> StudySettings:
    return PAPER.model_copy(update=changes)


@pytest.mark.parametrize(("mean", "verdict"), [(0.3929, "REPRODUCED"), (0.43, "BETTER"), (0.36, "WORSE")])
def test_a_comparable_claim_gets_its_verdict(mean: float, verdict: str) -> None:
    row = _rows(PAPER, _full_at(mean, 0.001))["full", "mAP"]
    assert row.verdict == verdict
    assert (row.n, row.published) == (5, pytest.approx(0.3929))
    assert "settings of this study are assumed" in row.reason


def test_noise_is_inconclusive() -> None:
    assert _rows(PAPER, _full_at(0.39, 0.02))["full", "mAP"].verdict == "INCONCLUSIVE"


def test_a_synthetic_world_is_never_comparable() -> None:
    rows = _rows(load_study("smoke"), _full_at(0.451))
    assert {row.verdict for row in rows.values()} == {"NOT COMPARABLE"}
    assert "synthetic" in rows["full", "mAP"].reason


def _why(study: StudySettings, claim: Claim, unit: str = "full") -> str:
    return why_not_comparable(study, unit, claim)


def test_the_right_study_is_comparable() -> None:
    assert _why(PAPER, CLAIMS["r50-3frames"]) == ""
    assert _why(load_study("paper-r50-5f"), CLAIMS["r50"]) == ""
    assert _why(load_study("paper-r101-3f"), CLAIMS["headline"]) == ""
    assert _why(PAPER, CLAIMS["teacher"], "teacher") == ""


def test_another_configuration_is_not() -> None:
    reason = _why(PAPER, CLAIMS["headline"])
    assert "another configuration" in reason
    assert "backbone resnet101 there, resnet50 here" in reason
    assert "image [512, 1408] there, [256, 704] here" in reason
    assert "frames" in _why(PAPER, CLAIMS["r50"])


def test_an_override_of_the_variant_counts() -> None:
    variants = {
        **PAPER.variants,
        "full": PAPER.variants["full"].model_copy(update={"overrides": {"student.backbone_depth": 18}}),
    }
    assert "resnet18 here" in _why(_with(variants=variants), CLAIMS["r50-3frames"])


def test_another_split_or_data_set_is_not() -> None:
    assert "another split" in _why(PAPER, CLAIMS["test-convnext"])
    mini = PAPER.data.model_copy(update={"version": "v1.0-mini", "splits": {"train": "mini_train", "val": "mini_val"}})
    assert "nuScenes v1.0-mini" in _why(_with(data=mini), CLAIMS["r50-3frames"])
    part = PAPER.data.model_copy(update={"splits": {"train": "train", "val": ("scene-0003",)}})
    assert "a list of scenes" in _why(_with(data=part), CLAIMS["r50-3frames"])
    assert "does not say on which split" in _why(PAPER, CLAIMS["gain"])


@pytest.mark.parametrize("confidence", ["secondary", "inferred"])
def test_hearsay_never_gives_a_verdict(confidence: str) -> None:
    claim = CLAIMS["r50-3frames"].model_copy(update={"confidence": confidence})
    assert f"source is {confidence}" in _why(PAPER, claim)
    assert "secondary" in _why(PAPER, CLAIMS["baseline-r50-secondary"], "baseline")


def test_an_inferred_configuration_is_a_reservation() -> None:
    study = load_study("paper-r101-3f")
    rows = claim_rows(study, tables_of(study, _full_at(0.451, 0.001)), CLAIMS)
    assert "the claim's configuration is inferred" in rows[0].reason


def test_a_gain_is_held_against_paired_differences_only() -> None:
    gain = CLAIMS["gain"].model_copy(update={"split": "val"})
    study = _with(claims={"full": "gain"})
    rows = claim_rows(
        study, tables_of(study, lambda v, m, s: 0.40 + (v == "full") * (0.051 + s / 5000)), {"gain": gain}
    )
    row = next(row for row in rows if row.metric == "gain in mAP")
    assert row.published == pytest.approx(0.051)
    assert row.measured == pytest.approx(0.0514)
    assert row.verdict == "REPRODUCED"


def test_a_gain_is_no_claim_about_the_baseline() -> None:
    study = _with(claims={"baseline": "gain"})
    with pytest.raises(InputError, match="a gain over a baseline"):
        claim_rows(study, tables_of(study, _full_at(0.4)), CLAIMS)


def test_unknown_claims_and_units_are_named() -> None:
    for claims, words in (({"full": "headlin"}, "no claim `headlin`"), ({"fool": "headline"}, "no such unit")):
        study = _with(claims=claims)
        with pytest.raises(InputError, match=words):
            claim_rows(study, tables_of(study, _full_at(0.4)), CLAIMS)


def test_errors_are_judged_where_a_margin_is_declared_and_lower_is_better() -> None:
    study = _with(verdict=VerdictSettings(margins={"mAP": 0.5, "mATE": 0.01}))
    rows = _rows(study, lambda v, m, s: 0.55 + s / 1000 if m == "mATE" else 0.39 + s / 1000)
    assert rows["full", "mATE"].verdict == "BETTER"
    assert ("full", "mASE") not in rows
    assert "m [" in rows["full", "mATE"].reason
    assert rows["full", "NDS"].verdict in ("WORSE", "INCONCLUSIVE")  # no margin declared any more


def test_a_diverged_run_is_counted_and_not_averaged() -> None:
    rows = _rows(PAPER, lambda v, m, s: np.inf if s == 4 else 0.3929 + s / 1000)
    summary = rows["full", "mAP"].summary
    assert (summary.n, summary.failed) == (4, 1)
    assert summary.mean == pytest.approx(0.3944)


def test_one_seed_says_what_it_can_not_say() -> None:
    tables = tables_of(PAPER, _full_at(0.3929), seeds=1)
    row = claim_rows(PAPER, tables, CLAIMS)[0]
    assert row.verdict == "INCONCLUSIVE"
    assert "one run" in row.reason
