"""Verb `report`: the page, figures and tables of a gathered study."""

from pathlib import Path
from typing import Annotated

import typer

from labeldistill.cli.options import ReportsOption, ResultsOption


def report(
    study: Annotated[str, typer.Argument(help="Name of a study, or a YAML file.")],
    again: Annotated[
        Path | None,
        typer.Option("--again", help="Folder of an older report, to write it again with today's code."),
    ] = None,
    results: ResultsOption = Path("results"),
    reports: ReportsOption = Path("reports"),
) -> None:
    """Write reports/<study>/<version>/index.html from the gathered table, the records and the claims.

    Example: labeldistill report smoke
    """
    from labeldistill.reporting.report import remake_report, write_report
    from labeldistill.study.plan import StudyPlan

    plan = StudyPlan.of_results(study, results, reports)
    typer.echo(write_report(plan) if again is None else remake_report(plan, again))
