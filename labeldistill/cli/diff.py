"""Verb `diff`: what changed between two sets of results."""

import json
from enum import StrEnum
from typing import Annotated

import typer


class DiffFormat(StrEnum):
    """How a diff is printed."""

    table = "table"
    json = "json"


class FailOn(StrEnum):
    """What makes the command fail."""

    regression = "regression"


def diff(
    a: Annotated[str, typer.Argument(help="Git or DVC revision, report folder or results folder.")],
    b: Annotated[str, typer.Argument(help="The same, judged against A.")],
    weights: Annotated[str, typer.Option("--weights", help="ema or raw.")] = "ema",
    metric: Annotated[list[str] | None, typer.Option("--metric", help="Score to compare; repeat for several.")] = None,
    confidence: Annotated[float, typer.Option("--confidence", min=0.5, max=0.999, help="Of the intervals.")] = 0.95,
    format: Annotated[DiffFormat, typer.Option("--format", "-f", help="table or json.")] = DiffFormat.table,
    fail_on: Annotated[FailOn | None, typer.Option("--fail-on", help="Exit 1 when B is shown to be worse.")] = None,
) -> None:
    """Compare two sets of results run by run (study, variant, seed), with intervals and Holm-corrected findings.

    Example: labeldistill diff HEAD~1 results --fail-on regression
    """
    from labeldistill.claims.claims import POINTS
    from labeldistill.compare.diff import compare_sides
    from labeldistill.compare.diff_runs import read_side
    from labeldistill.compare.diff_sources import opened
    from labeldistill.errors import GateError

    with opened(a) as folder_a, opened(b) as folder_b:
        sides = read_side(folder_a, a), read_side(folder_b, b)
    found = compare_sides(*sides, weights=weights, metrics=metric or POINTS, confidence=confidence)
    if format is DiffFormat.json:
        typer.echo(json.dumps(found.as_json(), indent=1, default=str))
    else:
        from labeldistill.cli.diff_text import print_diff

        print_diff(found)
    worse = ", ".join(f"{row.study}/{row.variant} {row.metric}" for row in found.regressions)
    if fail_on is FailOn.regression and worse:
        raise GateError(f"{b} is worse than {a}: {worse}")
