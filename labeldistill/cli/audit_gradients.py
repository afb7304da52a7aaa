"""Verb `audit gradients`: where gradient goes in a study's students, and what training does to their teachers."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labeldistill.cli.options import DeviceOption, ResultsOption, TableOrJson, TableOrJsonOption
from labeldistill.cli.progress import bar

if TYPE_CHECKING:
    from labeldistill.checks.student_audit import StudentAudit
    from labeldistill.study.plan import PlannedRun, StudyPlan


def gradients(
    study: Annotated[str, typer.Option("--study", "-s", help="Name of a study, or a YAML file.")] = "smoke",
    variant: Annotated[
        list[str] | None, typer.Option("--variant", help="Only this variant; repeat for several.")
    ] = None,
    full_size: Annotated[
        bool, typer.Option("--full-size", help="The study's own shapes, and its key frames and teachers if they exist.")
    ] = False,
    key: Annotated[
        str | None, typer.Option("--key", help="Key of an adopted checkpoint to check instead of fresh weights.")
    ] = None,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Key frames per step.")] = 2,
    device: DeviceOption = "auto",
    format: TableOrJsonOption = TableOrJson.table,
    results: ResultsOption = Path("results"),
) -> None:
    """Check every variant's student for a minute before it trains for days; exit 1 if a check fails.

    Gradient: which channel group of which frame receives gradient from which loss term. Teacher: weights and BatchNorm
    buffers of teacher and label encoder before and after some training steps. Oddities that the switches
    ask for are AS RELEASED. Without --full-size images are small and random, and the BEV range is small; networks,
    channels, frames, terms and switches are the study's. Nothing is written.

    Example: labeldistill audit gradients --study paper-r50-3f --variant full
    """
    from labeldistill.errors import GateError
    from labeldistill.planning.workload import keyed
    from labeldistill.study.plan import StudyPlan

    plan = StudyPlan.load(study, results)
    keyed(plan)
    chosen = device if device != "auto" or not full_size else plan.study.device
    runs = _runs(plan, variant, key)
    found = []
    with bar("audit gradients") as progress:
        for done, run in enumerate(runs):
            progress(done, len(runs))
            found.append(_checked(plan, run, full_size=full_size, batch=batch, device=chosen))
    if format is TableOrJson.json:
        typer.echo(json.dumps(_tree(plan.study.name, found), indent=1))
    else:
        from labeldistill.cli.student_audit_text import print_audits

        print_audits(plan.study.name, found)
    failed = [f"{each.unit}: {f.about}" for each in found for f in each.findings if f.verdict.value == "FAIL"]
    if failed:
        raise GateError(f"gradient audit failed: {'; '.join(failed)}")


def _runs(plan: "StudyPlan", variants: list[str] | None, key: str | None) -> "list[PlannedRun]":
    from labeldistill.errors import InputError

    if key is None:
        return [plan.run(unit, plan.study.seeds[0]) for unit in _students(plan, variants)]
    found = [run for run in plan.adopted if run.key == key and run.unit in _students(plan, variants)]
    if not found:
        raise InputError(f"study {plan.study.name} has adopted no student's checkpoint of this key", key=key)
    return found


def _students(plan: "StudyPlan", wanted: list[str] | None) -> list[str]:
    from labeldistill.errors import InputError

    names = list(plan.study.variants)
    for name in wanted or ():
        if name not in names:
            raise InputError(
                f"study {plan.study.name} has no variant `{name}`; known: {', '.join(names)}", key="variant"
            )
    return wanted or names


def _checked(plan: "StudyPlan", run: "PlannedRun", *, full_size: bool, batch: int, device: str) -> "StudentAudit":
    from labeldistill.checks.dry_run import Places, prepare, small
    from labeldistill.checks.student_audit import audit_student as look
    from labeldistill.study.apart import label
    from labeldistill.training.weights_file import weights_path

    weights = weights_path(run.folder, run.weights[0]) if run.origin == "adopted" else None
    settings, places = small(run.settings), Places(weights=weights)
    if full_size:
        settings = run.settings
        places = Places(plan.infos, {parent.stage: parent.folder for parent in run.parents}, weights)
    return look(label(run.unit, run.origin), prepare(settings, places, batch=batch, device=device))


def _tree(study: str, found: "list[StudentAudit]") -> dict[str, Any]:
    from dataclasses import asdict

    from labeldistill.files import without_nan

    return {"study": study, "variants": [without_nan({**asdict(each), "failed": each.failed}) for each in found]}
