"""Verb `recipe`: where every setting of a full-size study stands in the released code, and what differs here."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from labeldistill.cli.options import TableOrJson, TableOrJsonOption

if TYPE_CHECKING:
    from labeldistill.claims.recipe import Answer, Recipe
    from labeldistill.config.study import StudySettings


def recipe(
    study: Annotated[str, typer.Argument(help="Name of a study, or a YAML file.")],
    unit: Annotated[
        str | None,
        typer.Option("--unit", help="teacher, label-encoder or a variant; else the one with most terms."),
    ] = None,
    format: TableOrJsonOption = TableOrJson.table,
) -> None:
    """Print every setting of a unit and of what it learns from, with file and line of the release or why it is assumed.

    What differs here comes first. Exit 1 where a setting has no source, or differs without a reason.

    Example: labeldistill recipe paper-r50-3f
    """
    from labeldistill.claims.recipe import GAPS, load_recipe, recipe_of
    from labeldistill.config.load import load_study
    from labeldistill.errors import GateError

    found, chosen = load_recipe(), load_study(study)
    unit = unit or max(reversed(chosen.variants), key=lambda name: len(chosen.variants[name].terms))
    answers = recipe_of(chosen, unit, found)
    if format is TableOrJson.json:
        _print_json(chosen, unit, answers, found)
    else:
        _print(chosen, unit, answers, found)
    if gaps := [answer for answer in answers if answer.kind in GAPS]:
        named = ", ".join(f"{answer.stage}: {answer.key}" for answer in gaps[:5])
        raise GateError(f"{len(gaps)} settings have no source or differ without a reason ({named}, ...)")


def _print_json(study: "StudySettings", unit: str, answers: "list[Answer]", found: "Recipe") -> None:
    from dataclasses import asdict

    tree = {"study": study.name, "unit": unit, "files": found.files, "settings": [asdict(each) for each in answers]}
    typer.echo(json.dumps({**tree, "implicit": [each.model_dump() for each in found.implicit]}, indent=1))


def _print(study: "StudySettings", unit: str, answers: "list[Answer]", found: "Recipe") -> None:
    typer.echo(f"Recipe of {study.name}, {unit}: file:lines of the release\n")
    for kind in ("NO SOURCE", "DIFFERS UNEXPLAINED", "differs", "assumed", "released", "own"):
        rows = [answer for answer in answers if answer.kind == kind]
        if rows:
            typer.echo(f"{kind.upper()} ({len(rows)})")
        for row in rows:
            typer.echo(f"  {row.stage:14}{row.key:38}{_value(row)}\n{'':16}{row.words}")
    typer.echo(f"WITHOUT A SETTING ({len(found.implicit)})")
    for each in found.implicit:
        typer.echo(f"  {each.what} ({each.source})\n{'':16}there: {each.released}\n{'':16}here: {each.here}")
    typer.echo("FILES")
    for name, file in found.files.items():
        typer.echo(f"  {name:12}{file}")


def _value(row: "Answer") -> str:
    here = json.dumps(row.here)
    return here if row.there is None or row.there == row.here else f"{here} here, {json.dumps(row.there)} there"
