"""The audit of a student: what it says of sound runs under both values of the switches, and of planted faults."""

from dataclasses import replace
from typing import Any

import pytest

from labeldistill.checks.dry_run import DryRun, Places, prepare
from labeldistill.checks.gradient_audit import ChannelGradient, GradientAudit, PartGradient
from labeldistill.checks.student_audit import Finding, StudentAudit, Verdict, audit_student, judge_gradients
from labeldistill.config.load import load_study
from labeldistill.config.runs import run_settings
from labeldistill.config.study import RunSettings


def settings(variant: str = "full", **switches: str) -> RunSettings:
    """A student of three frames, whose LiDAR third at scale 0 is then the second frame."""
    run = run_settings(load_study("smoke"), "student", variant, 0)
    assert run.student is not None
    image = run.student.image.model_copy(update={"size_px": (32, 64)})
    student = run.student.model_copy(update={"frame_offsets": (0, -1, -2), "image": image})
    grid = run.grid.model_copy(update={"x_m": (-8.0, 8.0, 1.0), "y_m": (-8.0, 8.0, 1.0)})
    released = {"partition_axis": "released", "teacher_mode": "released"} | switches
    return run.model_copy(update={"student": student, "grid": grid, "switches": run.switches | released})


def dry_run_of(run: RunSettings) -> DryRun:
    return prepare(run, Places(), batch=1, device="cpu")


def finding(found: StudentAudit, about: str) -> Finding:
    (row,) = [row for row in found.findings if row.about == about]
    return row


@pytest.fixture(scope="module")
def released() -> StudentAudit:
    return audit_student("full", dry_run_of(settings()))


def test_released_lidar_distillation_of_the_past_frame_trains_its_adaptor_alone(released: StudentAudit) -> None:
    lidar = finding(released, "lidar_feature at scale 0")
    assert lidar.verdict is Verdict.released
    assert "lies in frame -1" in lidar.detail
    assert "adaptor alone" in lidar.detail
    assert finding(released, "lidar_feature at scale 1").verdict is Verdict.passed
    assert finding(released, "label_feature at scale 0").detail == "group label lies in frame 0; all of it learns"
    for term in ("detection", "depth", "response", "teacher and label encoder"):
        assert finding(released, term).verdict is Verdict.passed
    assert not released.failed


def test_released_teachers_drift_in_their_buffers_and_nowhere_else(released: StudentAudit) -> None:
    for part in ("centerpoint", "label_encoder"):
        assert finding(released, f"{part}: weights").verdict is Verdict.passed
        assert finding(released, f"{part}: BatchNorm buffers").verdict is Verdict.released
    assert all(part.drifted == part.buffers > 0 for part in released.frozen)
    assert all(part.largest_drift > 0.01 for part in released.frozen)


def test_corrected_switches_train_the_key_frame_and_leave_the_teachers_alone() -> None:
    found = audit_student("full", dry_run_of(settings(partition_axis="corrected", teacher_mode="corrected")))
    assert {row.verdict for row in found.findings} == {Verdict.passed}
    lidar = finding(found, "lidar_feature at scale 0").detail
    assert "lies in frames 0, -1, -2" in lidar
    assert "frames -1, -2 can't learn" in lidar
    assert finding(found, "centerpoint: BatchNorm buffers").detail == "unchanged"
    assert all(part.before == part.after for part in found.frozen)


def test_a_baseline_has_no_teacher_to_audit() -> None:
    found = audit_student("baseline", dry_run_of(settings("baseline")))
    assert found.frozen == []
    abouts = {row.about for row in found.findings}
    assert abouts == {"detection", "depth", "layers", "teacher and label encoder"}
    assert not found.failed


# -- planted faults ----------------------------------------------------------------------------------------------------


def test_a_teacher_left_in_train_mode_under_corrected_fails() -> None:
    planted = dry_run_of(settings(teacher_mode="corrected"))
    model: Any = planted.job.model
    model.teacher_follows = True
    buffers = finding(audit_student("full", planted), "centerpoint: BatchNorm buffers")
    assert buffers.verdict is Verdict.failed
    assert "drifted" in buffers.detail


def test_a_teacher_whose_weights_move_fails() -> None:
    planted = dry_run_of(settings())
    model: Any = planted.job.model
    weight = next(model.label_encoder.parameters())

    def moves(*unused: Any) -> None:
        weight.data.mul_(1.001)

    model.head.register_forward_hook(moves)
    found = audit_student("full", planted)
    assert finding(found, "label_encoder: weights").verdict is Verdict.failed
    assert finding(found, "centerpoint: weights").verdict is Verdict.passed


def test_a_term_that_trains_nothing_fails() -> None:
    run = settings("baseline")
    found = audit_student("baseline", dry_run_of(run.model_copy(update={"terms": {"detection": 1.0, "depth": 0.0}})))
    assert finding(found, "depth").verdict is Verdict.failed
    assert finding(found, "detection").verdict is Verdict.passed
    assert found.failed


def _audit(into_free: float = 0.0, into_teacher: float = 0.0, into_backbone: float = 1.0) -> GradientAudit:
    own = ChannelGradient("lidar_feature", 0, 0, 0, "lidar", 2.0, into_backbone > 0)
    free = replace(own, group="free", gradient=into_free)
    parts = {"backbone": into_backbone, "head": 0.0, "centerpoint": into_teacher}
    return GradientAudit([own, free], [PartGradient("lidar_feature", 0, k, v) for k, v in parts.items()])


def test_verdicts_of_planted_audits() -> None:
    corrected = settings(partition_axis="corrected")

    def verdicts(audit: GradientAudit, run: RunSettings = corrected) -> list[Verdict]:
        return [row.verdict for row in judge_gradients(run, audit) if row.about != "layers"]

    assert verdicts(_audit()) == [Verdict.passed, Verdict.passed]
    assert verdicts(_audit(into_free=0.1)) == [Verdict.passed, Verdict.failed]
    assert verdicts(_audit(into_teacher=0.1)) == [Verdict.failed, Verdict.passed]
    assert verdicts(_audit(into_backbone=float("nan"))) == [Verdict.passed, Verdict.failed]
    assert verdicts(_audit(into_backbone=0.0)) == [Verdict.passed, Verdict.failed]
    assert verdicts(_audit(into_backbone=0.0), settings()) == [Verdict.passed, Verdict.released]
