"""Verb `model`: the parts of a study's networks."""

import json
from typing import Annotated

import typer

from labeldistill.cli.options import Format, FormatOption

app = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="The parts of a study's networks.\n\nExample: labeldistill model summary paper-r50-5f --variant full",
)


@app.callback()
def _group() -> None:
    """Keep `summary` a sub-verb although it is the only one."""


@app.command("summary")
def summary(
    study: Annotated[str, typer.Argument(help="Name of a study, or a YAML file.")],
    variant: Annotated[
        str | None,
        typer.Option("--variant", "-v", help="A variant, `teacher` or `label-encoder`; default: the largest."),
    ] = None,
    format: FormatOption = Format.table,
) -> None:
    """Count the parameters of every part; the study's data need not exist.

    Example: labeldistill model summary paper-r50-5f --variant full
    """
    from dataclasses import asdict

    from labeldistill.weights.model_summary import summarise

    found = summarise(study, variant)
    totals = {"parameters": found.parameters, "trained": found.trained, "deployed": found.deployed}
    if format is Format.json:
        typer.echo(json.dumps({**asdict(found), **totals}, indent=1))
        return
    rows = [(part.name, part.parameters, part.trained, part.buffers) for part in found.parts]
    if format is Format.csv:
        typer.echo("part,parameters,trained,buffers")
        for row in rows:
            typer.echo(",".join(map(str, row)))
        return
    frames = "" if found.frames is None else f", {found.frames} frame{'s' if found.frames > 1 else ''}"
    typer.echo(f"{found.study}, {found.unit}{frames}")
    typer.echo(f"{'part':32}{'parameters':>14}{'trained':>14}{'buffers':>12}")
    for name, *counts in rows:
        typer.echo(f"{name:32}{counts[0]:>14,}{counts[1]:>14,}{counts[2]:>12,}")
    for name, value in totals.items():
        typer.echo(f"{_TOTALS[name]:32}{value:>14,}")


_TOTALS = {"parameters": "total", "trained": "trained", "deployed": "used to detect"}
