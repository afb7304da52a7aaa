"""Verb `plan`: what a study will run and cost, and how many seeds its verdicts need, before anything runs."""

import json
import shlex
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labeldistill.cli.options import ReportsOption, ResultsOption

if TYPE_CHECKING:
    from labeldistill.planning.seed_planning import Standing
    from labeldistill.study.plan import StudyPlan


class PlanFormat(StrEnum):
    """How a plan is printed."""

    table = "table"
    json = "json"


def plan(
    study: Annotated[str, typer.Argument(help="Name of a study, or a YAML file.")],
    sequential: Annotated[
        bool, typer.Option("--sequential", help="Looks, boundaries, their state, and which seeds to run next.")
    ] = False,
    run: Annotated[
        bool,
        typer.Option("--run", help="With --sequential: run seeds in batches, stop once every verdict is settled."),
    ] = False,
    cores: Annotated[str, typer.Option("--cores", help="With --run: cores that Snakemake may use.")] = "all",
    snakemake: Annotated[
        str, typer.Option("--snakemake", help="With --run: more options for Snakemake, e.g. '--profile PATH'.")
    ] = "",
    margin: Annotated[float | None, typer.Option("--margin", min=0.001, help="Desired margin in points.")] = None,
    format: Annotated[PlanFormat, typer.Option("--format", "-f", help="table or json.")] = PlanFormat.table,
    results: ResultsOption = Path("results"),
    reports: ReportsOption = Path("reports"),
) -> None:
    """Show what a study will run and reuse, hours, disk space, and how many seeds a desired margin needs.

    A study whose start weights are missing is planned anyway, followed by a list of them (exit 2). Nothing runs without
    --run. With it, the same command resumes where it was stopped: every look is stored in
    results/<study>/sequential.json, and at the end there is a report of the seeds that were run.

    Example: labeldistill plan mini --sequential --run --cores 2
    """
    from labeldistill.claims.claims import load_claims
    from labeldistill.claims.study_claims import check_claims
    from labeldistill.errors import InputError
    from labeldistill.study.plan import StudyPlan
    from labeldistill.study.start_weights import check_starts

    if run and not sequential:
        raise InputError("runs the batches of a sequential study; give --sequential too", key="--run")
    planned = StudyPlan.load(study, results, reports)
    check_claims(planned.study, load_claims())
    if run:
        _run(study, planned, ["--cores", cores, *shlex.split(snakemake)], format)
    else:
        _show(planned, margin, sequential, format)
        check_starts(planned.study)


def _show(planned: "StudyPlan", margin: float | None, sequential: bool, format: PlanFormat) -> None:
    from labeldistill.planning.forecast import forecast

    found = forecast(planned, margin=margin)
    standing = _standings_of(planned)(None) if sequential else None
    if format is PlanFormat.json:
        from dataclasses import asdict

        tree: dict[str, Any] = {"study": planned.study.name, **asdict(found)}
        if standing is not None:
            tree["sequential"] = [asdict(entry) for entry in standing]
        _print_json(tree)
        return
    from labeldistill.cli.plan_text import print_plan, print_sequential

    print_plan(planned.study, found)
    if standing is not None:
        print_sequential(planned.study, standing)


def _run(study: str, planned: "StudyPlan", options: list[str], format: PlanFormat) -> None:
    from dataclasses import asdict

    from labeldistill.cli.plan_text import print_sequential, told_look
    from labeldistill.planning.sequential_run import Workflow, drive

    workflow = Workflow(study, planned, options)
    looks, standing, seeds = drive(planned, workflow, _standings_of(planned), told_look)
    workflow.make([], seeds)
    report = workflow.reported(seeds).report
    if format is PlanFormat.json:
        about = {"study": planned.study.name, "seeds": list(planned.study.seeds[:seeds]), "looks": looks.made}
        _print_json({**about, "sequential": [asdict(entry) for entry in standing], "report": str(report)})
        return
    print_sequential(planned.study, standing)
    typer.echo(f"looks: {looks.file}\nreport of {seeds} seeds: {report}")


def _print_json(tree: dict[str, Any]) -> None:
    from labeldistill.files import without_nan

    typer.echo(json.dumps(without_nan(tree), indent=1))


def _standings_of(planned: "StudyPlan") -> "Callable[[int | None], list[Standing]]":
    from labeldistill.claims.claims import load_claims
    from labeldistill.claims.comparability import why_not_comparable
    from labeldistill.planning.seed_planning import standings

    claims, chosen = load_claims(), planned.study
    comparable = {unit: not why_not_comparable(chosen, unit, claims[id_]) for unit, id_ in chosen.claims.items()}
    return lambda seeds: standings(planned, claims, comparable, seeds=seeds)
