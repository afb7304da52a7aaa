"""Verb `crate`: a finished study as a Workflow Run RO-Crate."""

from pathlib import Path
from typing import Annotated

import typer

from labeldistill.cli.options import ReportsOption, ResultsOption


def crate(
    study: Annotated[str, typer.Argument(help="Name of a study, or a YAML file.")],
    out: Annotated[Path, typer.Option("--out", help="New folder to write.")],
    weights: Annotated[bool, typer.Option("--weights", help="Include the weights, not only their checksums.")] = False,
    results: ResultsOption = Path("results"),
    reports: ReportsOption = Path("reports"),
) -> None:
    """Write workflow, settings, records, scores and report of a finished study with their provenance as an RO-Crate.

    Example: labeldistill crate smoke --out smoke-crate
    """
    from labeldistill.records.crate import write_crate
    from labeldistill.study.plan import StudyPlan

    typer.echo(write_crate(StudyPlan.load(study, results, reports), out, weights=weights))
