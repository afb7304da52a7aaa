"""The tidy table: slices besides the whole, ingested runs under their own name, diverged runs in the count."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from planted_results import AGREED, benchmark, finish, take_in

from labeldistill.claims.reference_band import compare_with_band, write_band
from labeldistill.compare.diff_runs import read_side
from labeldistill.config.load import load_study
from labeldistill.errors import InputError
from labeldistill.evaluation.result import Agreement
from labeldistill.planning import workload
from labeldistill.records import gather as gathering
from labeldistill.records.gather import gather
from labeldistill.records.gather_rows import COLUMNS, DOCUMENTED
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.study.confirmed import confirm, of_run
from labeldistill.study.ingested import refuse_taken
from labeldistill.study.plan import StudyPlan


def _score(unit: str, metric: str, seed: int) -> float:
    return {"baseline": 0.30, "full": 0.34}.get(unit, 0.32) + 0.01 * seed + 0.1 * (metric == "NDS")


def _theirs(unit: str, metric: str, seed: int) -> float:
    return _score(unit, metric, seed % 10) + 0.2


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StudyPlan:
    for module in (gathering, workload):  # toy records, no schema
        monkeypatch.setattr(module, "read_record", lambda file: json.loads(file.read_text()))
    return StudyPlan(load_study("smoke"), tmp_path / "results", tmp_path / "reports")


def _finish_all(plan: StudyPlan, **scores: Any) -> None:
    for run in plan.runs:
        finish(plan, run, _score, scores.get(f"{run.unit}_{run.seed}".replace("-", "_")))
    benchmark(plan)


def _tables(plan: StudyPlan) -> StudyTables:
    return StudyTables(gather(plan), tuple(plan.study.variants), plan.study.baseline)


SLICES = [
    {"weights": "ema", "split": "val", "slice": "distance", "part": "0-5 m", "boxes": 8, **row}
    for row in (
        {"metric": "mAP", "class": "all", "value": 0.9, "low": 0.8, "high": 0.95},
        {"metric": "AP", "class": "car", "value": 0.7},
        {"metric": "ATE", "class": "car", "value": 0.6},
    )
] + [{"weights": "ema", "split": "val", "slice": "class", "part": "car", "boxes": 8, "metric": "AP", "class": "car"}]
SLICES[-1] |= {"value": 0.5, "low": 0.4, "high": 0.6}


def test_slices_have_names_of_their_own(plan: StudyPlan) -> None:
    _finish_all(plan, full_0={"slices": SLICES})
    table = gather(plan)
    assert list(table.columns) == COLUMNS
    assert list(table.columns[: len(DOCUMENTED)]) == list(DOCUMENTED)
    whole = table[(table["metric"] == "mAP") & (table["class"] == "all") & (table["weights"] == "ema")]
    assert len(whole) == len(plan.runs)
    near = table[table["slice"] == "distance 0-5 m"].set_index("metric")
    assert near.loc["mAP@distance 0-5 m", ["value", "low", "high"]].tolist() == [0.9, 0.8, 0.95]
    assert near.loc["truths@distance 0-5 m", "value"] == 8
    assert set(near.index) == {"mAP@distance 0-5 m", "truths@distance 0-5 m", "AP@distance 0-5 m"}
    assert _tables(plan).slices() == {"distance": ["distance 0-5 m"]}


def test_the_slice_of_classes_gives_intervals_to_rows_that_are_there(plan: StudyPlan) -> None:
    row = {"weights": "ema", "split": "val", "metric": "AP", "class": "car", "value": 0.5}
    _finish_all(plan, full_0={"slices": SLICES, "rows": [row]})
    table = gather(plan)
    cars = table[(table["variant"] == "full") & (table["seed"] == 0) & (table["metric"] == "AP")]
    assert cars[["value", "low", "high"]].to_numpy().tolist() == [[0.5, 0.4, 0.6]]


def test_ingested_runs_are_never_averaged_with_ours(plan: StudyPlan) -> None:
    _finish_all(plan)
    alone = _tables(plan)
    before = plan.table_key
    for variant in ("baseline", "full"):
        take_in(plan, variant, 10, _theirs, digit="a")
        take_in(plan, variant, 11, _theirs, digit="b")
    tables = _tables(plan)
    assert StudyPlan(plan.study, plan.results).table_key != before
    assert tables.summary("full", "mAP") == alone.summary("full", "mAP")
    theirs = tables.summary("full (ingested)", "mAP")
    assert theirs.values == pytest.approx((0.54, 0.55))
    assert set(tables.table.groupby("origin")["variant"].unique()["ingested"]) == {
        "baseline (ingested)",
        "full (ingested)",
    }
    assert tables.compared() == ["lidar-only", "label-only", "full", "full (ingested)"]
    assert tables.deltas("full (ingested)", "mAP") == pytest.approx({10: 0.04, 11: 0.04})
    assert tables.deltas("full", "mAP") == alone.deltas("full", "mAP")


def test_a_seed_can_not_be_ours_and_theirs(plan: StudyPlan) -> None:
    _finish_all(plan)
    take_in(plan, "full", 1, _theirs)
    with pytest.raises(InputError, match=r"ingested-a+/ingested\.json: seed: full seed 1 is a run of this study"):
        gather(plan)


def test_a_seed_can_not_be_taken_in_twice(plan: StudyPlan) -> None:
    take_in(plan, "full", 10, _theirs, digit="a")
    take_in(plan, "full", 10, _theirs, weights="raw", digit="b")
    assert len(plan.ingested) == 2
    take_in(plan, "full", 10, _theirs, digit="c")
    with pytest.raises(InputError, match="taken in twice"):
        _ = plan.ingested


def test_taking_in_refuses_a_taken_seed_before_it_scores(plan: StudyPlan) -> None:
    finish(plan, plan.run("full", 0), _score)
    take_in(plan, "full", 10, _theirs)
    for seed, words in ((0, "has a run of this study"), (10, "has ema weights taken in")):
        with pytest.raises(InputError, match=words):
            refuse_taken(plan.folder, plan.ingested, ("full", seed, "ema"), "file.json")
    refuse_taken(plan.folder, plan.ingested, ("full", 10, "raw"), "file.json")


def test_ingested_runs_alone_make_a_table_and_half_a_study_none(plan: StudyPlan) -> None:
    take_in(plan, "full", 0, _theirs)
    tables = _tables(plan)
    assert set(tables.table["variant"]) == {"full (ingested)"}
    assert tables.judged() == ["full (ingested)"]
    finish(plan, plan.run("baseline", 0), _score)
    with pytest.raises(InputError, match="9 of 10 runs are not scored"):
        gather(plan)


def test_scores_of_other_code_are_not_taken(plan: StudyPlan) -> None:
    _finish_all(plan)
    take_in(plan, "full", 10, _theirs)
    scores = plan.ingested_metrics(plan.ingested[0])
    scores.rename(scores.with_name("metrics-0123456789ab"))
    with pytest.raises(InputError, match="labeldistill score full --seed 10 --key aaaaaaaaaaaa"):
        gather(plan)


def test_a_run_whose_predictions_are_nan_stays_in_the_count(plan: StudyPlan) -> None:
    _finish_all(plan, full_1={"diverged": {"ema": "size holds NaN"}})
    tables = _tables(plan)
    summary = tables.summary("full", "mAP")
    assert (summary.n, summary.failed) == (1, 1)
    run = tables.runs().set_index(["variant", "seed"]).loc[("full", 1)]
    assert (run["status"], run["reason"]) == ("diverged", "predictions of ema weights: size holds NaN")
    assert run[["mAP (ema)", "NDS (raw)"]].isna().all()
    assert len(tables.runs()) == len(plan.runs)
    scores = workload.scores_so_far(plan, "full", "mAP")
    assert scores[0] > 0
    assert scores[1] != scores[1]


def test_a_diff_pairs_ingested_runs_with_ingested_ones(plan: StudyPlan) -> None:
    _finish_all(plan, full_1={"diverged": {"ema": "size holds NaN"}})
    take_in(plan, "full", 10, _theirs)
    side = read_side(plan.results, "A")
    taken = side.runs["smoke", "full (ingested)", 10]
    assert taken.scores["ema", "mAP"] == pytest.approx(0.54)
    assert side.runs["smoke", "full", 1].status == "diverged"
    assert not side.runs["smoke", "full", 1].scores


def test_a_band_is_ours_and_ingested_runs_have_a_row_in_it(
    plan: StudyPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").mkdir()
    monkeypatch.setenv("LABELDISTILL_STUDIES", str(tmp_path / "config"))
    _finish_all(plan)
    take_in(plan, "full", 10, _theirs)
    table = gather(plan)
    text = write_band("smoke", table).read_text()
    assert "ingested" not in text
    rows = {(row.unit, row.metric): row for row in compare_with_band("smoke", table)}
    assert rows["full", "mAP"].mean == pytest.approx(0.345)
    assert rows["full (ingested)", "mAP"].mean == pytest.approx(0.54)


def test_scores_that_the_devkit_has_not_confirmed_are_refused(plan: StudyPlan) -> None:
    """None of them, and not those that changed afterwards or were confirmed of other weights alone."""
    _finish_all(plan)
    run = plan.run("full", 1)
    file = plan.metrics(run) / "metrics.json"
    before = file.read_text()
    file.write_text(before.replace('"scenes": 2', '"scenes": 3'))
    with pytest.raises(InputError, match=r"not confirmed these scores of 1 runs \(full seed 1\); run labeldistill arb"):
        gather(plan)
    confirm(plan, of_run(plan, run), {"ema": AGREED["ema"]})
    with pytest.raises(InputError, match="not confirmed"):
        gather(plan)
    confirm(plan, of_run(plan, run), {**AGREED, "raw": Agreement(2e-9, "mean_ap")})
    with pytest.raises(InputError, match="not confirmed"):
        gather(plan)
    file.write_text(before)  # made again with the same bits
    assert len(gather(plan))
    shutil.rmtree(plan.folder / "arbitrated")
    with pytest.raises(InputError, match=rf"of {len(plan.runs)} runs \(.*, \.\.\.\)"):
        gather(plan)
