"""Verdicts on claims that can be compared, and the words of each; ways to be fooled have a file of their own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from comparable_study import ComparableStudy

from labeldistill.claims.claims import load_claims
from labeldistill.claims.comparability import why_not_comparable
from labeldistill.claims.evidence import Evidence, evidence_of
from labeldistill.config.load import load_study
from labeldistill.config.study import StudySettings
from labeldistill.config.verdict import VerdictSettings
from labeldistill.errors import InputError
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.reporting.verdicts import ClaimRow, claim_rows

CLAIMS = load_claims()
SMOKE = load_study("smoke")
Scores = Callable[[str, str, int], float]


@dataclass(frozen=True)
class Proven:
    """A study with evidence that it is the claim's, whose scores a test chooses."""

    study: StudySettings
    evidence: Evidence

    def rows(self, scores: Scores, *, seeds: int = 6, **changes: Any) -> dict[tuple[str, str], ClaimRow]:
        study = self.study.model_copy(update=changes)
        found = claim_rows(study, tables_of(study, scores, seeds), CLAIMS, self.evidence)
        return {(row.variant, row.metric): row for row in found}


@pytest.fixture(scope="module")
def proven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proven]:
    with pytest.MonkeyPatch.context() as patch:
        made = ComparableStudy(tmp_path_factory.mktemp("comparable"), patch)
        made.run()
        yield Proven(made.plan.study, evidence_of(made.plan))


def tables_of(study: StudySettings, scores: Scores, seeds: int = 6) -> StudyTables:
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


def _full_at(mean: float, spread: float = 0.002) -> Scores:
    return lambda variant, metric, seed: (mean if variant == "full" else 0.3) + spread * (seed - 2.5)


@pytest.mark.parametrize(("mean", "verdict"), [(0.3929, "REPRODUCED"), (0.43, "BETTER"), (0.36, "WORSE")])
def test_a_comparable_claim_gets_its_verdict(proven: Proven, mean: float, verdict: str) -> None:
    row = proven.rows(_full_at(mean, 0.001))["full", "mAP"]
    assert row.verdict == verdict
    assert (row.n, row.published) == (6, pytest.approx(0.3929))


@pytest.mark.parametrize(
    ("difference", "spread", "verdict", "words"),
    [
        (-0.03, 0.0003, "WORSE", "worse than the published value: difference -3 points"),
        (-0.03, 0.0003, "WORSE", "by more than the margin of 0.5"),
        (+0.03, 0.0003, "BETTER", "better than the published value"),
        (-0.003, 0.0003, "REPRODUCED", "within the margin of 0.5, worse by less than the margin"),
        (-0.0045, 0.0010, "WORSE", "by less than the margin of 0.5 as measured"),
        (-0.0052, 0.0005, "WORSE", "whether it exceeds the margin of 0.5 is not shown"),
    ],
)
def test_words_match_the_clause(proven: Proven, difference: float, spread: float, verdict: str, words: str) -> None:
    row = proven.rows(_full_at(0.3929 + difference, spread))["full", "mAP"]
    assert row.verdict == verdict
    assert words in row.reason


def test_noise_is_inconclusive(proven: Proven) -> None:
    assert proven.rows(_full_at(0.39, 0.02))["full", "mAP"].verdict == "INCONCLUSIVE"


def test_assumed_settings_of_the_unit_are_named(proven: Proven) -> None:
    assumed = {"teacher_training.batch": "not stated", "variants.baseline": "not shipped"}
    reason = proven.rows(_full_at(0.3929, 0.001), assumed=assumed)["full", "mAP"].reason
    assert reason.endswith("assumed, not published: teacher_training.batch")


def test_a_synthetic_world_is_never_comparable() -> None:
    rows = claim_rows(SMOKE, tables_of(SMOKE, _full_at(0.451)), CLAIMS, Evidence())
    assert {row.verdict for row in rows} == {"NOT COMPARABLE"}
    assert "synthetic" in rows[0].reason


def test_without_evidence_nothing_is_proven(proven: Proven) -> None:
    row = claim_rows(proven.study, tables_of(proven.study, _full_at(0.3929, 0.001)), CLAIMS)[0]
    assert row.verdict == "NOT COMPARABLE"


@pytest.mark.parametrize("confidence", ["secondary", "inferred"])
def test_hearsay_never_gives_a_verdict(proven: Proven, confidence: str) -> None:
    claim = CLAIMS["r50-3frames"].model_copy(update={"confidence": confidence})
    assert f"source is {confidence}" in why_not_comparable(proven.study, "full", claim)
    assert "secondary" in why_not_comparable(proven.study, "baseline", CLAIMS["baseline-r50-secondary"])


def test_a_gain_is_held_against_paired_differences_only(proven: Proven) -> None:
    reference = CLAIMS["r50-3frames"].reference
    known = {"split": "val", "reference": reference, "configuration_confidence": "primary"}
    gain = CLAIMS["gain"].model_copy(update=known)
    study = proven.study.model_copy(update={"claims": {"full": "gain"}})
    tables = tables_of(study, lambda v, m, s: 0.40 + (v == "full") * (0.051 + s / 5000))
    rows = claim_rows(study, tables, {"gain": gain}, proven.evidence)
    row = next(row for row in rows if row.metric == "gain in mAP")
    assert row.published == pytest.approx(0.051)
    assert row.measured == pytest.approx(0.0515)
    assert row.verdict == "REPRODUCED"


def test_a_gain_is_no_claim_about_the_baseline(proven: Proven) -> None:
    with pytest.raises(InputError, match="a gain over a baseline"):
        proven.rows(_full_at(0.4), claims={"baseline": "gain"})


def test_unknown_claims_and_units_are_named(proven: Proven) -> None:
    for claims, words in (({"full": "headlin"}, "no claim `headlin`"), ({"fool": "headline"}, "no such unit")):
        with pytest.raises(InputError, match=words):
            proven.rows(_full_at(0.4), claims=claims)


def test_errors_are_judged_where_a_margin_is_declared_and_lower_is_better(proven: Proven) -> None:
    rules = VerdictSettings(margins={"mAP": 0.5, "mATE": 0.01})
    rows = proven.rows(lambda v, m, s: 0.55 + s / 1000 if m == "mATE" else 0.39 + s / 1000, verdict=rules)
    assert rows["full", "mATE"].verdict == "BETTER"
    assert ("full", "mASE") not in rows
    assert "m [" in rows["full", "mATE"].reason
    assert rows["full", "NDS"].verdict in ("WORSE", "INCONCLUSIVE")  # no margin declared any more


def test_a_diverged_run_is_counted_and_not_averaged(proven: Proven) -> None:
    rows = proven.rows(lambda v, m, s: np.inf if s == 5 else 0.3929 + s / 1000)
    summary = rows["full", "mAP"].summary
    assert (summary.n, summary.failed) == (5, 1)
    assert summary.mean == pytest.approx(0.3949)


@pytest.mark.parametrize(("seeds", "words"), [(1, "one run"), (2, "2 runs")])
def test_few_seeds_say_what_they_can_not_say(proven: Proven, seeds: int, words: str) -> None:
    row = proven.rows(_full_at(0.2), seeds=seeds)["full", "mAP"]
    assert row.verdict == "INCONCLUSIVE"
    assert words in row.reason
