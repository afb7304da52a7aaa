"""Verb `check`: compare a study's scores with its committed reference band."""

import json
from pathlib import Path
from typing import Annotated

import typer

from labeldistill.cli.options import Format, FormatOption, ResultsOption


def check(
    study: Annotated[str, typer.Argument(help="Name of a study, or a YAML file.")],
    write: Annotated[bool, typer.Option("--write", help="Write the reference from the current results.")] = False,
    format: FormatOption = Format.table,
    results: ResultsOption = Path("results"),
) -> None:
    """Compare a finished study with its reference (workflow/references); exit 1 outside its band.

    Also exit 1 if no metric can serve as a gate: single runs, or bands that contain 0.

    Example: labeldistill check mini
    """
    from dataclasses import asdict

    from labeldistill.claims.reference_band import FALSE_ALARMS, compare_with_band, write_band
    from labeldistill.errors import GateError
    from labeldistill.files import without_nan
    from labeldistill.records.gather import gather
    from labeldistill.study.plan import StudyPlan

    plan = StudyPlan.load(study, results)
    table = gather(plan)
    if write:
        typer.echo(write_band(plan.study.name, table))
        return
    rows = compare_with_band(plan.study.name, table)
    gates = [row for row in rows if row.gate]
    if format is Format.json:
        typer.echo(json.dumps(without_nan([{**asdict(row), "inside": row.inside} for row in rows]), indent=1))
    else:
        for row in rows:
            band = f"[{row.low:.4f}, {row.high:.4f}]" if row.low == row.low else "-"
            typer.echo(
                f"{row.unit:20s} {row.metric:4s} {row.mean:.4f} (n = {row.n})  {band:18s}  {row.reason or 'inside'}"
            )
        typer.echo(
            f"{len(gates)} of {len(rows)} rows are gates; unchanged code fails any of them in at most "
            f"{FALSE_ALARMS:.0%} of checks"
        )
    if outside := [f"{row.unit} {row.metric} ({row.reason})" for row in gates if not row.inside]:
        raise GateError(f"outside the reference band: {', '.join(outside)}")
    if not gates:
        raise GateError(
            f"no metric of {plan.study.name} can serve as a gate: nothing here could fail, so nothing passes"
        )
