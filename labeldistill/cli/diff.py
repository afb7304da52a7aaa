"""Verb `diff`: what changed between two sets of results."""

import json
from enum import StrEnum
from typing import Annotated

import typer


class DiffFormat(StrEnum):
    """How a diff is printed."""

    table = "table"
    json = "json"
    markdown = "markdown"
    html = "html"


class FailOn(StrEnum):
    """What makes the command fail."""

    regression = "regression"


def diff(
    a: Annotated[str, typer.Argument(help="Git or DVC revision, report folder or results folder.")],
    b: Annotated[str, typer.Argument(help="Likewise; judged against A.")],
    weights: Annotated[str, typer.Option("--weights", help="ema or raw.")] = "ema",
    metric: Annotated[list[str] | None, typer.Option("--metric", help="Score to compare; repeat for several.")] = None,
    confidence: Annotated[float, typer.Option("--confidence", help="Confidence of intervals, above 0.8.")] = 0.95,
    speed: Annotated[
        bool, typer.Option("--speed", help="Also compare speed and memory, as a separate family.")
    ] = False,
    unpaired: Annotated[
        bool, typer.Option("--unpaired", help="Compare all runs of a variant regardless of seeds (Welch's test).")
    ] = False,
    format: Annotated[
        DiffFormat, typer.Option("--format", "-f", help="table, json, markdown or html.")
    ] = DiffFormat.table,
    fail_on: Annotated[
        FailOn | None,
        typer.Option("--fail-on", help="Exit 1 when B is worse, lacks variants or scores, or when too few runs tell."),
    ] = None,
    allow_undecided: Annotated[
        bool, typer.Option("--allow-undecided", help="With --fail-on: let rows with too few runs to tell pass.")
    ] = False,
) -> None:
    """Compare two sets of results run by run (study, variant, seed), with intervals and Holm-corrected findings.

    Example: labeldistill diff HEAD~1 results --fail-on regression
    """
    from labeldistill.compare.diff import compare_sides
    from labeldistill.compare.diff_rows import DiffOptions
    from labeldistill.compare.diff_runs import read_side
    from labeldistill.compare.diff_sources import opened
    from labeldistill.compare.gate import objections
    from labeldistill.config.metrics import HEADLINE
    from labeldistill.errors import GateError

    with opened(a) as folder_a, opened(b) as folder_b:
        sides = read_side(folder_a, a), read_side(folder_b, b)
    found = compare_sides(*sides, DiffOptions(weights, tuple(metric or HEADLINE), confidence, speed, unpaired))
    if format is DiffFormat.json:
        typer.echo(json.dumps(found.as_json(), indent=1, default=str))
    elif format is DiffFormat.markdown:
        from labeldistill.cli.diff_markdown import diff_markdown

        typer.echo(diff_markdown(found), nl=False)
    elif format is DiffFormat.html:
        from labeldistill.reporting.diff_page import diff_page

        typer.echo(diff_page(found))
    else:
        from labeldistill.cli.diff_text import print_diff

        print_diff(found)
    against = objections(found, allow_undecided=allow_undecided)
    if fail_on is FailOn.regression and against:
        raise GateError(f"{b} fails against {a}: {'; '.join(against)}")
