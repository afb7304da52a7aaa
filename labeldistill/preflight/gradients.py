"""Gate 8: which loss reaches which channels of which frame; and, after a first student, whether what it learnt fits."""

from labeldistill.checks.dry_run import Places, prepare, small
from labeldistill.checks.student_audit import Finding, audit_student
from labeldistill.checks.student_audit import Verdict as Said
from labeldistill.errors import LabelDistillError
from labeldistill.preflight.adapted_features import look_at_adapted
from labeldistill.preflight.context import Context
from labeldistill.preflight.gate import Gate, Looks

NAME = "gradients"
BATCH = 2


def look(context: Context) -> Gate:
    """Look at the gradients of every variant, on small, made-up images, and at the first student that is there."""
    looks = Looks(NAME)
    for unit in context.plan.study.variants:
        run = small(context.settings(unit))
        try:
            found = audit_student(unit, prepare(run, Places(), batch=BATCH, device="cpu"))
        except LabelDistillError as error:
            looks.failed(f"{unit}: {error}", "the variant can't be built: see its terms and overrides")
            continue
        _judge(unit, found.findings, looks)
    look_at_adapted(context, looks)
    return looks.gate()


def look_after_first_student(context: Context) -> Gate:
    """The second half alone, as soon as a student is there."""
    looks = Looks(NAME)
    look_at_adapted(context, looks)
    return looks.gate()


def _judge(unit: str, findings: list[Finding], looks: Looks) -> None:
    failed = [f"{each.about}: {each.detail}" for each in findings if each.verdict is Said.failed]
    odd = [f"{each.about}: {each.detail}" for each in findings if each.verdict is Said.released]
    if failed:
        advice = f"labeldistill audit gradients {{study}} --variant {unit} shows every term and channel group"
        looks.failed(f"{unit}: {'; '.join(failed)}", advice.replace("{study}", "STUDY"))
        return
    count = len(findings)
    looks.passed(f"{unit}: {count} checks of terms and teachers" + (f", as released: {'; '.join(odd)}" if odd else ""))
