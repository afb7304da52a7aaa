"""Verb `plan`: what a study will run and cost, and how many seeds its verdicts need, before anything runs."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from labeldistill.cli.options import ReportsOption, ResultsOption


class PlanFormat(StrEnum):
    """How a plan is printed."""

    table = "table"
    json = "json"


def plan(
    study: Annotated[str, typer.Argument(help="Name of a study, or a YAML file.")],
    sequential: Annotated[
        bool, typer.Option("--sequential", help="Looks, boundaries and where they stand: which seeds to run next.")
    ] = False,
    margin: Annotated[float | None, typer.Option("--margin", min=0.001, help="Wanted margin, points.")] = None,
    format: Annotated[PlanFormat, typer.Option("--format", "-f", help="table or json.")] = PlanFormat.table,
    results: ResultsOption = Path("results"),
    reports: ReportsOption = Path("reports"),
) -> None:
    """Say what a study will run, what it reuses, hours, disk, and how many seeds a wanted margin needs.

    Example: labeldistill plan mini --sequential
    """
    from labeldistill.records.forecast import forecast
    from labeldistill.records.plan import StudyPlan

    planned = StudyPlan.load(study, results, reports)
    found = forecast(planned, margin=margin)
    standing = _standings(planned) if sequential else None
    if format is PlanFormat.json:
        from dataclasses import asdict

        from labeldistill.records.json_values import without_nan

        tree: dict[str, Any] = {"study": planned.study.name, **asdict(found)}
        if standing is not None:
            tree["sequential"] = [asdict(entry) for entry in standing]
        typer.echo(json.dumps(without_nan(tree), indent=1))
        return
    from labeldistill.cli.plan_text import print_plan, print_sequential

    print_plan(planned.study, found)
    if standing is not None:
        print_sequential(planned.study, standing)


def _standings(planned: Any) -> Any:
    from labeldistill.records.claims import load_claims
    from labeldistill.records.seed_planning import standings
    from labeldistill.reporting.comparability import why_not_comparable

    claims, chosen = load_claims(), planned.study
    comparable = {unit: not why_not_comparable(chosen, unit, claims[id_]) for unit, id_ in chosen.claims.items()}
    return standings(planned, claims, comparable)
