"""Verb `check`: a study's scores against its committed reference band."""

import json
from pathlib import Path
from typing import Annotated

import typer

from labeldistill.cli.options import Format, FormatOption, ResultsOption


def check(
    study: Annotated[str, typer.Argument(help="Name of a study, or a YAML file.")],
    write: Annotated[bool, typer.Option("--write", help="Make the band from the results at hand.")] = False,
    format: FormatOption = Format.table,
    results: ResultsOption = Path("results"),
) -> None:
    """Compare a finished study with its reference band (workflow/references); exit 1 outside it.

    Example: labeldistill check smoke
    """
    from dataclasses import asdict

    from labeldistill.claims.reference_band import compare_with_band, write_band
    from labeldistill.errors import GateError
    from labeldistill.records.gather import gather
    from labeldistill.study.plan import StudyPlan

    plan = StudyPlan.load(study, results)
    table = gather(plan)
    if write:
        typer.echo(write_band(plan.study.name, table))
        return
    rows = compare_with_band(plan.study.name, table)
    if format is Format.json:
        typer.echo(json.dumps([{**asdict(row), "inside": row.inside} for row in rows], indent=1))
    else:
        for row in rows:
            verdict = "inside" if row.inside else "OUTSIDE"
            typer.echo(f"{row.unit:15s} {row.metric:4s} {row.mean:.4f}  [{row.low:.4f}, {row.high:.4f}]  {verdict}")
    outside = [f"{row.unit} {row.metric}" for row in rows if not row.inside]
    if outside:
        raise GateError(f"outside the reference band: {', '.join(outside)}")
