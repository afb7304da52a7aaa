"""Plans before anything runs: jobs and reuse under the planned keys, costs, seeds, looks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from labeldistill.claims.claims import load_claims
from labeldistill.cli.main import build
from labeldistill.config.load import load_study
from labeldistill.config.run_files import predictions_path
from labeldistill.planning import workload
from labeldistill.planning.costs import assumptions, cost_of
from labeldistill.planning.forecast import forecast
from labeldistill.planning.seed_planning import seed_needs, standings
from labeldistill.study.plan import PlannedRun, StudyPlan


def _record(run: PlannedRun, **changes: Any) -> dict[str, Any]:
    return {
        "run_key": run.key,
        "variant": run.unit,
        "stage": run.stage,
        "seed": run.seed,
        "status": "finished",
        "finished": "2026-01-01",
        "usage": {"cpu_s": 36.0, "gpu_hours": 0.0, "wall_s": 20.0},
        "optimisation": {"steps_done": 5, "steps_per_epoch": 10},
    } | changes


def _finish(plan: StudyPlan, run: PlannedRun, score: float | None = 0.3) -> None:
    """What a trained and scored run leaves."""
    plan.metrics(run).mkdir(parents=True)
    run.record.write_text(json.dumps(_record(run)))
    plan.predictions(run).mkdir()
    for weights in ("raw", "ema"):
        predictions_path(plan.predictions(run), weights).touch()
    about = {"weights": "ema", "split": "val", "class": "all"}
    rows = [] if score is None else [{**about, "metric": metric, "value": score} for metric in ("mAP", "NDS")]
    (plan.metrics(run) / "metrics.json").write_text(json.dumps({"run_key": run.key, "rows": rows}))


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StudyPlan:
    monkeypatch.setattr(workload, "read_record", lambda file: json.loads(file.read_text()))  # toy records, no schema
    return StudyPlan(load_study("smoke"), tmp_path / "results", tmp_path / "reports")


def _jobs(plan: StudyPlan) -> dict[str, tuple[int, int]]:
    return {job.kind: (job.total, job.to_run) for job in workload.jobs(plan)}


def test_jobs_of_a_fresh_study(plan: StudyPlan) -> None:
    found = _jobs(plan)
    assert found["train student"] == (8, 8)
    assert found["train teacher"] == found["train label encoder"] == (1, 1)
    assert found["predict"] == found["score"] == (10, 10)
    assert all(total == left for total, left in found.values())


def test_only_the_planned_key_is_reused(plan: StudyPlan) -> None:
    run = plan.run("full", 1)
    _finish(plan, run)
    other = run.folder.with_name("0123456789ab")
    other.mkdir()
    (other / "record.json").write_text(json.dumps(_record(run, run_key="0123456789ab")))
    found = _jobs(plan)
    assert found["train student"] == (8, 7)
    assert found["score"] == (10, 9)
    assert run.key not in {left.key for left in workload.to_train(plan)}


def test_costs_are_measured_per_step_of_the_same_unit(plan: StudyPlan) -> None:
    done, planned = plan.run("full", 0), plan.run("full", 1)
    _finish(plan, done)
    cost = cost_of(planned, plan, workload.earlier_records(plan), assumptions())
    steps = planned.settings.training.steps
    assert steps is not None
    assert cost.cpu_hours == pytest.approx(36.0 / 5 * steps / 3600)
    assert cost.measured
    assert "1 earlier run of full" in cost.basis
    assert cost.bytes == sum(f.stat().st_size for f in done.folder.rglob("*") if f.is_file())
    teacher = cost_of(plan.runs[0], plan, workload.earlier_records(plan), assumptions())
    assert teacher.basis.startswith("assumed")


def test_full_size_costs_are_assumed_and_scale_with_pixels(tmp_path: Path) -> None:
    plans = [StudyPlan(load_study(name), tmp_path) for name in ("paper-r50-3f", "paper-r101-3f")]
    assert all(workload.keyed(plan) for plan in plans)  # no nuScenes here: planned all the same
    small, large = (cost_of(plan.run("baseline", 0), plan, [], assumptions()) for plan in plans)
    assert small.basis.startswith("assumed: BEVDet4D")
    assert small.gpu_hours == pytest.approx(24 * 155 / 20)
    assert large.gpu_hours == pytest.approx(4 * small.gpu_hours)
    full = cost_of(plans[0].run("full", 0), plans[0], [], assumptions())
    assert full.gpu_hours > small.gpu_hours
    mini = StudyPlan(load_study("nuscenes-mini"), tmp_path)
    mini.data_key, mini.started = "unknown", False
    hours = [cost_of(run, mini, [], assumptions()) for run in mini.runs]
    assert 1 < sum(each.gpu_hours for each in hours) < 4  # 323 key frames for a few epochs
    assert "28,130 key frames to 323" in hours[0].basis


def test_without_the_data_root_everything_is_to_run(tmp_path: Path) -> None:
    found = forecast(StudyPlan(load_study("paper-r50-3f"), tmp_path / "results", tmp_path / "reports"))
    assert "no such folder" in found.unknown
    assert all(job.there == 0 for job in found.jobs)
    assert sum(entry.runs for entry in found.hours) == 14
    assert found.index_bytes == pytest.approx(8.9e9, rel=0.01)
    assert found.bytes == found.index_bytes + sum(entry.bytes for entry in found.hours) > 20e9


def test_seeds_at_the_assumed_spread(plan: StudyPlan) -> None:
    needs = seed_needs(plan)
    assumed = next(need for need in needs if need.basis == "assumed")
    assert (assumed.sd, assumed.margin, assumed.equivalence) == (0.5, 0.5, None)  # the claim's own noise rules it out
    assert assumed.sd_low is assumed.sd_high is None
    others = next(need for need in needs if "BEVDet issue 21" in need.basis)
    assert others.metric == "NDS"
    assert others.equivalence is None
    assert others.published_sd == pytest.approx(0.635, abs=0.001)
    wider = seed_needs(plan, margin=2.0)[0]
    assert wider.equivalence is not None
    assert wider.equivalence == 5
    alone = StudyPlan(plan.study.model_copy(update={"claims": {}}), plan.results)
    assert seed_needs(alone)[0].equivalence == 13  # one metric alone would need 10


def test_seeds_at_the_measured_spread(plan: StudyPlan) -> None:
    for seed, score in ((0, 0.300), (1, 0.306)):
        _finish(plan, plan.run("full", seed), score)
    needs = seed_needs(plan)
    assert {need.basis for need in needs} == {"measured, full, 2 seeds"}
    assert needs[0].sd == pytest.approx(100 * np.std([0.300, 0.306], ddof=1))
    assert needs[0].sd_low is not None  # of two runs the sd is hardly known, and the plan says so
    assert needs[0].sd_high is not None
    assert needs[0].sd_high > 30 * needs[0].sd > 60 * needs[0].sd_low


def _six_seeds(tmp_path: Path) -> StudyPlan:
    study = load_study("smoke")
    return StudyPlan(study.model_copy(update={"seeds": (0, 1, 2, 3, 4, 5)}), tmp_path / "results")


def test_where_a_sequential_study_stands(tmp_path: Path, plan: StudyPlan) -> None:
    plan = _six_seeds(tmp_path)
    for seed, noise in enumerate((0.0, 0.0001, -0.0001)):
        _finish(plan, plan.run("baseline", seed), 0.3)
        _finish(plan, plan.run("full", seed), 0.4 + noise)
        _finish(plan, plan.run("label-only", seed), 0.33 + 40 * noise)
    found = {entry.question: entry.decision for entry in standings(plan, load_claims(), {"full": False})}
    assert len(found) == 6  # the claim can't be compared, so no question is asked about it
    assert found["full against baseline: mAP"].stop
    assert found["full against baseline: mAP"].judgement.verdict == "BETTER"
    assert found["label-only against baseline: mAP"].next_seeds == 6
    assert found["lidar-only against baseline: mAP"].next_seeds == 3
    with_claim = standings(plan, load_claims(), {"full": True})
    assert with_claim[0].question == "full: mAP of claim headline"


def test_a_missing_seed_holds_back_later_ones(tmp_path: Path, plan: StudyPlan) -> None:
    plan = _six_seeds(tmp_path)
    for seed in (0, 1, 3, 4):
        for unit in ("baseline", "full"):
            _finish(plan, plan.run(unit, seed), 0.3 + seed / 100)
    decision = next(e.decision for e in standings(plan, load_claims(), {}) if e.question.startswith("full against"))
    assert (decision.seeds, decision.next_seeds) == (0, 3)


def _run(*arguments: str) -> Any:
    return CliRunner().invoke(build("plan"), ["plan", *arguments])


def test_the_verb_prints_everything(tmp_path: Path) -> None:
    done = _run("smoke", "--sequential", "--results", str(tmp_path))
    assert done.exit_code == 0
    for words in ("train student", "CPU-hours", "assumed", "at least 6 pairs", "O'Brien-Fleming", "Next look"):
        assert words in done.output
    assert not list(tmp_path.rglob("record.json"))


def test_the_verb_prints_json(tmp_path: Path) -> None:
    done = _run("paper-r50-3f", "--sequential", "--format", "json", "--results", str(tmp_path))
    assert done.exit_code == 2  # after the costs: its start weights are missing
    tree = json.loads(done.stdout, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    assert {"jobs", "hours", "needs", "sequential", "unknown"} <= set(tree)
    assert tree["hours"][0]["cpu_hours"] is None


def test_an_unknown_study_exits_2() -> None:
    assert _run("nowhere").exit_code == 2
