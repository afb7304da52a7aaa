"""Verb `audit`: is training deterministic on this machine, and which loss reaches what?"""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labeldistill.cli.audit_gradients import gradients
from labeldistill.cli.options import DeviceOption, ResultsOption, SeedOption, TableOrJson, TableOrJsonOption

if TYPE_CHECKING:
    from labeldistill.checks.determinism_audit import Audit

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Checks of training on this machine.\n\nExample: labeldistill audit determinism --study smoke --steps 3",
)

app.command("gradients")(gradients)

_MOST_MODULES = 20


class Level(StrEnum):
    """Level of determinism."""

    off = "off"
    warn = "warn"
    strict = "strict"


@app.command("determinism")
def determinism(
    study: Annotated[str, typer.Option("--study", "-s", help="Name of a study, or a YAML file.")] = "smoke",
    unit: Annotated[str, typer.Option("--unit", help="`teacher`, `label-encoder` or a variant.")] = "full",
    seed: SeedOption = 0,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Optimiser steps per training.")] = 2,
    level: Annotated[Level | None, typer.Option("--level", help="Level of determinism; default: the study's.")] = None,
    batch: Annotated[int | None, typer.Option("--batch", min=1, help="Key frames per step.")] = None,
    small: Annotated[bool, typer.Option("--small", help="The same networks on small random images.")] = False,
    device: DeviceOption = "auto",
    format: TableOrJsonOption = TableOrJson.table,
    results: ResultsOption = Path("results"),
) -> None:
    """Train the same seed twice and compare bit by bit, operator by operator; exit 1 if one differs.

    The study's own key frames, teacher and label encoder are used where they exist; otherwise random ones take
    their place, and the output says so. Nothing is written.

    Example: labeldistill audit determinism --study smoke --unit full --steps 3
    """
    from labeldistill.checks.determinism_audit import audit
    from labeldistill.checks.dry_run import DryRun, Places, prepare
    from labeldistill.checks.dry_run import small as smaller
    from labeldistill.errors import GateError
    from labeldistill.planning.workload import keyed
    from labeldistill.study.plan import StudyPlan

    plan = StudyPlan.load(study, results)
    keyed(plan)
    run = plan.run(unit, seed)
    places = Places(plan.infos, {parent.stage: parent.folder for parent in run.parents})
    training = run.settings.training
    devices = plan.study.devices_per_run * plan.study.nodes_per_run
    samples = batch or training.batch_per_device or max(1, training.batch // devices)
    notes: list[str] = []

    def build() -> "DryRun":
        settings, at = (smaller(run.settings), Places()) if small else (run.settings, places)
        chosen = device if device != "auto" else "auto" if small else plan.study.device
        dry_run = prepare(settings, at, batch=samples, device=chosen, level=level and level.value)
        notes[:] = dry_run.notes
        return dry_run

    found = audit(lambda: build().job, steps)
    about = f"{plan.study.name} {unit} seed {seed}, determinism {level.value if level else training.deterministic}"
    if format is TableOrJson.json:
        typer.echo(json.dumps(_tree(found, about, notes), indent=1))
    else:
        _print(found, about, notes)
    if not found.identical:
        raise GateError(f"not deterministic: {found.sentence()}")


def _tree(found: "Audit", about: str, notes: list[str]) -> dict[str, object]:
    from dataclasses import asdict

    return {"about": about, "notes": notes, "sentence": found.sentence(), **asdict(found)}


def _print(found: "Audit", about: str, notes: list[str]) -> None:
    typer.echo(about)
    for note in notes:
        typer.echo(f"  {note}")
    differ = [row for row in found.by_module if not row.identical]
    typer.echo(f"{len(found.by_module) - len(differ)} of {len(found.by_module)} modules are bit-identical")
    for row in differ[:_MOST_MODULES]:
        calls = f"forward {row.forward_differ} of {row.forward}, backward {row.backward_differ} of {row.backward}"
        state = "different weights at the end" if row.state_differs else "same weights at the end"
        typer.echo(f"  {row.module or '(model, losses, optimiser)'}: calls that differ: {calls}; {state}")
    if len(differ) > _MOST_MODULES:
        typer.echo(f"  and {len(differ) - _MOST_MODULES} more modules (all of them in --format json)")
    typer.echo(found.sentence())
