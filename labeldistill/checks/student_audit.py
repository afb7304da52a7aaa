"""The audit of a student run before days of GPU: where gradient goes, and what training does to its teachers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import torch

from labeldistill.checks.dry_run import DryRun
from labeldistill.checks.gradient_audit import ChannelGradient, GradientAudit, PartGradient, gradient_audit
from labeldistill.checks.teacher_audit import FrozenPart, teacher_audit
from labeldistill.config.study import RunSettings
from labeldistill.config.terms import term_spec
from labeldistill.distillation.model import DistilledStudent
from labeldistill.training.determinism import set_threads
from labeldistill.training.devices import resolve_device
from labeldistill.training.seeding import seed_everything

FROZEN_PARTS = ("centerpoint", "label_encoder")
TRAINED_PARTS = ("backbone", "head")


class Verdict(StrEnum):
    """Of one check."""

    passed = "PASS"
    released = "AS RELEASED"
    """Odd, but what the run's switches ask for: the release does it."""
    failed = "FAIL"


@dataclass(frozen=True)
class Finding:
    """One check of one gate."""

    gate: str
    about: str
    verdict: Verdict
    detail: str


@dataclass
class StudentAudit:
    """What was found in one run.

    Attributes:
        unit: the variant.
        notes: which parts of the run random stand-ins replaced.
        findings: one a check.
        gradients: the gradient audit's two tables.
        frozen: the teacher audit's.
    """

    unit: str
    notes: tuple[str, ...]
    findings: list[Finding] = field(default_factory=list)
    gradients: GradientAudit | None = None
    frozen: list[FrozenPart] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether any check failed."""
        return any(finding.verdict is Verdict.failed for finding in self.findings)


Gate = Callable[[DryRun, StudentAudit], None]
"""Looks at a dry run and adds its findings. Gates run in order; the later ones may train its model."""


def audit_student(unit: str, dry_run: DryRun) -> StudentAudit:
    """Let every gate look at a student run.

    Args:
        unit: the variant's name.
        dry_run: its run, prepared; its model is used up.

    Raises:
        InputError: a device that is not there.
    """
    set_threads()
    found = StudentAudit(unit, dry_run.notes)
    for gate in GATES:
        gate(dry_run, found)
    return found


# -- where gradient goes -----------------------------------------------------------------------------------------------


def gradient_gate(dry_run: DryRun, found: StudentAudit) -> None:
    """Which channel group of which frame receives gradient from which term."""
    job = dry_run.job
    model = job.model
    assert isinstance(model, DistilledStudent), "the gradient gate is for students"
    device = torch.device(resolve_device(job.device))
    count = min(job.training.batch, len(job.items))
    batch = job.items.collate([job.items.item(0, index) for index in range(count)]).to(device)
    seed_everything(job.seed, "preflight")
    found.gradients = gradient_audit(model.to(device), batch)
    found.findings += judge_gradients(dry_run.run, found.gradients)


def judge_gradients(run: RunSettings, audit: GradientAudit) -> list[Finding]:
    """Hold an audit against what the terms and the switches of a run ask for."""
    findings = [_no_gradient_into_frozen(audit.parts), _every_layer_learns(run, audit.idle)]
    for term, compared_at in dict.fromkeys((row.term, row.compared_at) for row in audit.parts):
        parts = [row for row in audit.parts if (row.term, row.compared_at) == (term, compared_at)]
        if term_spec(term).group is None:
            findings.append(_reaches_the_student(term, parts))
            continue
        wanted = (term, compared_at, compared_at)
        rows = [row for row in audit.channels if (row.term, row.compared_at, row.scale) == wanted]
        findings.append(_reaches_its_group(run, term, parts, rows))
    return findings


def _no_gradient_into_frozen(parts: Sequence[PartGradient]) -> Finding:
    reached = sorted({row.part for row in parts if row.part in FROZEN_PARTS and row.gradient != 0})
    about = "teacher and label encoder"
    if reached:
        return Finding("gradient", about, Verdict.failed, f"gradient flows into {', '.join(reached)}")
    return Finding("gradient", about, Verdict.passed, "no term sends gradient into them")


def _every_layer_learns(run: RunSettings, idle: Sequence[str]) -> Finding:
    """Nothing of the student stands still but the first stages of its backbone, where the settings freeze them."""
    stages = run.student.backbone_frozen_stages if run.student else -1
    names = [*(("conv1", "bn1") if stages >= 0 else ()), *(f"layer{stage}" for stage in range(1, stages + 1))]
    meant = tuple(f"backbone.img_backbone.{name}" for name in names)
    lost = [name for name in idle if not f"{name}.".startswith(tuple(f"{each}." for each in meant))]
    if not lost:
        return Finding("gradient", "layers", Verdict.passed, "every layer that is not frozen by its settings learns")
    shown = ", ".join(lost[:3]) + (f" and {len(lost) - 3} more" if len(lost) > 3 else "")
    return Finding("gradient", "layers", Verdict.failed, f"no term trains {shown}")


def _into_student(parts: Sequence[PartGradient]) -> float:
    return sum(row.gradient for row in parts if row.part in TRAINED_PARTS)


def _reaches_the_student(term: str, parts: Sequence[PartGradient]) -> Finding:
    norm = _into_student(parts)
    good = 0 < norm < float("inf")
    detail = f"gradient norm in backbone and head: {norm:.3g}"
    return Finding("gradient", term, Verdict.passed if good else Verdict.failed, detail)


def _reaches_its_group(
    run: RunSettings, term: str, parts: Sequence[PartGradient], rows: Sequence[ChannelGradient]
) -> Finding:
    """A feature term compared at one scale must reach its own channel group there, and no other."""
    scale, own = rows[0].scale, term_spec(term).group
    assert own is not None
    about = f"{term} at scale {scale}"
    reached = [row for row in rows if row.gradient != 0]
    if foreign := {row.group for row in reached if own not in row.group.split("+")}:
        return Finding("gradient", about, Verdict.failed, f"reaches the channel group {', '.join(sorted(foreign))} too")
    if not reached:
        return Finding("gradient", about, Verdict.failed, f"reaches no channel of the group {own}")
    lost = [row for row in reached if not row.trains]
    where = f"group {own} lies in {_frames(reached)}" if scale == 0 else f"group {own}"
    detail = where + (f"; {_frames(lost)} can't learn: computed without gradient" if lost else "; all of it learns")
    norm = _into_student(parts)
    if not norm < float("inf"):
        return Finding("gradient", about, Verdict.failed, f"{detail}; the gradient is not finite")
    if norm > 0:
        return Finding("gradient", about, Verdict.passed, detail)
    released = scale == 0 and run.released("partition_axis")
    verdict = Verdict.released if released else Verdict.failed
    return Finding("gradient", about, verdict, f"{detail}; trains its adaptor alone, not the student")


def _frames(rows: Sequence[ChannelGradient]) -> str:
    offsets = list(dict.fromkeys(row.frame_offset for row in rows))
    return f"frame{'s' if len(offsets) > 1 else ''} {', '.join(str(offset) for offset in offsets)}"


# -- what must not change ----------------------------------------------------------------------------------------------


def teacher_gate(dry_run: DryRun, found: StudentAudit) -> None:
    """Weights and buffers of the frozen networks before and after some steps."""
    found.frozen = teacher_audit(dry_run.job)
    found.findings += [finding for part in found.frozen for finding in judge_frozen(dry_run.run, part)]


def judge_frozen(run: RunSettings, part: FrozenPart) -> list[Finding]:
    """Hold a frozen part against what the switch `teacher_mode` asks for."""
    kept = part.weights_unchanged
    detail = f"SHA-256 {part.before['weights'][:12]} before, {part.after['weights'][:12]} after training"
    weights = Finding("teacher", f"{part.part}: weights", Verdict.passed if kept else Verdict.failed, detail)
    about = f"{part.part}: BatchNorm buffers"
    drift = f"{part.drifted} of {part.buffers} drifted, by up to {part.largest_drift * 100:.3g} %"
    if not run.released("teacher_mode"):
        verdict = Verdict.passed if part.buffers_unchanged else Verdict.failed
        return [weights, Finding("teacher", about, verdict, "unchanged" if part.buffers_unchanged else drift)]
    if part.buffers_unchanged:
        said = "unchanged, although the released switch `teacher_mode` keeps it in train mode"
        return [weights, Finding("teacher", about, Verdict.failed, said)]
    return [weights, Finding("teacher", about, Verdict.released, drift)]


GATES: tuple[Gate, ...] = (gradient_gate, teacher_gate)
"""In order."""
