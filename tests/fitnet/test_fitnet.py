"""FitNets as a second method: it trains from the workflow's own parts, and its term reaches the student whole."""

from pathlib import Path

import pytest
import torch
from stage_runs import Runs

from labeldistill.checks.dry_run import Places, prepare, small
from labeldistill.checks.gradient_audit import gradient_audit
from labeldistill.checks.student_audit import Verdict, audit_student
from labeldistill.config.load import load_study
from labeldistill.config.methods import METHODS
from labeldistill.config.runs import run_settings
from labeldistill.config.study import RunSettings, StudySettings
from labeldistill.distillation.term_inputs import FeaturePair, TermInputs
from labeldistill.fitnet.imitation_loss import PAIR, imitation
from labeldistill.fitnet.student import FitNetStudent
from labeldistill.inference.predict import predict
from labeldistill.records.run_record import read_record
from labeldistill.records.training_run import train_with_record
from labeldistill.study.plan import StudyPlan
from labeldistill.training.job import Execution

TERMS = {"detection": 1.0, "depth": 3.0, "imitation": 0.1}
CPU = Execution(device="cpu")


def run_of(study: str = "smoke") -> RunSettings:
    variants = {"baseline": {"terms": {"detection": 1.0}}, "fitnet": {"terms": TERMS}}
    changes = {"method": "fitnet", "variants": variants, "claims": {}}
    tree = load_study(study).model_dump() | changes
    return run_settings(StudySettings.model_validate(tree), "student", "fitnet", 0)


def test_it_trains_detects_and_leaves_the_teacher_alone(runs: Runs, tmp_path: Path) -> None:
    usual = runs.settings("full")
    run = run_of().model_copy(update={"data": usual.data, "training": usual.training})
    located = runs.located("fitnet", run, tmp_path / "fitnet")
    assert set(located.parents) == {"teacher"}
    train_with_record(located, CPU, study="t", variant="fitnet")
    record = read_record(tmp_path / "fitnet" / "record.json")
    assert record["parents"] == {"teacher": "key-teacher"}
    assert record["frozen"]["centerpoint"]["before"]["weights"] == record["frozen"]["centerpoint"]["after"]["weights"]
    assert record["losses"]["first"]["imitation"] > 0
    predict(located, "val", tmp_path / "out", CPU)
    assert (tmp_path / "out" / "predictions-ema.parquet").is_file()


def test_its_gradient_reaches_every_channel_of_the_student_and_no_teacher() -> None:
    ready = prepare(small(run_of()), Places(), batch=1, device="cpu")
    model = ready.job.model
    assert isinstance(model, FitNetStudent)
    batch = ready.job.items.collate([ready.job.items.item(0, 0)])
    audit = gradient_audit(model, batch)
    rows = [row for row in audit.channels if row.term == "imitation"]
    assert {row.group for row in rows} == {"all"}  # no partition
    assert all(row.gradient > 0 for row in rows)
    assert [row.trains for row in rows if row.frame_offset in (0, None)] == [True, True]
    reached = {row.part for row in audit.parts if row.term == "imitation" and row.gradient > 0}
    assert reached == {"backbone", "head", "regressors"}
    found = audit_student("fitnet", prepare(small(run_of()), Places(), batch=1, device="cpu"))
    assert Verdict.failed not in {finding.verdict for finding in found.findings}


def test_the_loss_is_half_the_squared_distance_averaged_over_cells() -> None:
    adapted = [torch.full((2, 3, 4, 4), 2.0), torch.full((2, 5, 2, 2), 1.0)]
    pair = FeaturePair(adapted, [torch.zeros_like(x) for x in adapted])
    inputs = TermInputs.__new__(TermInputs)
    object.__setattr__(inputs, "pairs", {PAIR: pair})
    assert float(imitation(inputs, None)) == pytest.approx((3 * 4 + 5 * 1) / 2)  # type: ignore[arg-type]


def test_the_shipped_study_plans_a_teacher_and_no_label_encoder(tmp_path: Path) -> None:
    plan = StudyPlan.load("mini-fitnet", tmp_path / "results")
    assert {run.stage for run in plan.runs} == set(METHODS["fitnet"].stages)
    assert {parent.stage for run in plan.students for parent in run.parents if run.unit == "fitnet"} == {"teacher"}
