"""Verb `preflight`: ten gates before the first GPU-hour."""

import json
import shutil
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labeldistill.cli.options import ResultsOption

if TYPE_CHECKING:
    from labeldistill.preflight.gate import Gate


class StepChoice(StrEnum):
    """When gates are asked; see `preflight.run.Step`."""

    start = "start"
    teachers = "teachers"
    first_student = "first-student"


def preflight(
    study: Annotated[str, typer.Argument(help="Name of a study, or a YAML file.")],
    step: Annotated[
        StepChoice,
        typer.Option("--step", help="All gates at the start; those of the teachers; those of the first student."),
    ] = StepChoice.start,
    waive: Annotated[
        list[str] | None, typer.Option("--waive", help="Go on although this gate fails; repeat for several.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; stands in the records and in the report.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="A list of {gate, verdict, figure, advice}.")] = False,
    results: ResultsOption = Path("results"),
) -> None:
    """Ask ten gates whether a study can give what it is meant to; exit 1 where one fails.

    In order: environment, data, boxes, preprocessing, start-weights, teacher, label-encoder, gradients, recipe,
    first-steps. Each says PASS, WARN, FAIL or SKIPPED, what it measured and what to do. It is the first rule of every
    study in the workflow, which a FAIL stops; teacher and label encoder are asked again before the first student, and
    the first student's adapted features once it is trained. A synthetic world that is not there yet is written.

    Example: labeldistill preflight smoke
    """
    from dataclasses import asdict

    from labeldistill.planning.workload import keyed
    from labeldistill.preflight.context import Context, make_world
    from labeldistill.preflight.run import OF_STEP, Step, refuse_unknown, run_gates, settle
    from labeldistill.study.plan import StudyPlan
    from labeldistill.training.determinism import set_threads

    waived = dict.fromkeys(waive or (), reason)
    refuse_unknown(waived)
    plan = StudyPlan.load(study, results)
    set_threads()
    make_world(plan)
    unknown = keyed(plan)
    context = Context(plan)
    asked = Step(step.value)
    try:
        told = _nothing if as_json else partial(_tell, waived)
        gates = run_gates(context, OF_STEP[asked], told)
    finally:
        shutil.rmtree(context.scratch, ignore_errors=True)
    if as_json:
        typer.echo(json.dumps([asdict(gate) for gate in gates], indent=1))
    if unknown and not as_json:
        typer.echo(f"keys can't be known: {unknown}", err=True)
    settle(plan.preflight(asked.value), asked, gates, waived)


def _nothing(gate: "Gate", seconds: float) -> None:
    """JSON is printed whole, at the end."""


def _tell(waived: dict[str, str], gate: "Gate", seconds: float) -> None:
    verdict = f"{gate.verdict.value} (waived)" if gate.gate in waived and gate.verdict == "FAIL" else gate.verdict.value
    typer.echo(f"{verdict:8} {gate.gate} ({seconds:.1f} s): {gate.figure}")
    if gate.advice and gate.verdict != "PASS":
        typer.echo(f"         -> {gate.advice}")
