"""A diff in the terminal."""

import math
from typing import Any

from rich.console import Console
from rich.table import Table

from labeldistill.cli.console import plain_console
from labeldistill.compare.diff import Diff
from labeldistill.compare.diff_rows import DiffRow
from labeldistill.reporting.numbers import NOTHING, number

_MOST_CAUSES = 40


def row_cells(row: DiffRow) -> list[str]:
    """What a row says before its finding, as text."""
    summary, n = row.summary, row.pairs.n
    digits = 2 if row.unit in ("points", "%") else 4
    unit = "" if row.unit in ("points", row.metric) else f" {row.unit}"
    difference = f"{summary.mean:+.{digits}f}{unit}" if math.isfinite(summary.mean) else NOTHING
    between = NOTHING
    if math.isfinite(summary.low) and summary.low < summary.high:
        between = f"[{summary.low:+.{digits}f}, {summary.high:+.{digits}f}]"
    failed = f" ({summary.failed} failed)" if summary.failed else ""
    numbers = [number(row.a, digits), number(row.b, digits), difference, between]
    runs = f"{n}{failed}" if isinstance(n, int) else f"{n[1]}, {n[0]}{failed}"
    return [f"{row.study}/{row.variant}", row.metric, runs, *numbers, number(row.p_holm, 4)]


def print_diff(diff: Diff) -> None:
    """Print the rows, then possible causes, then what was not paired."""
    console = plain_console(200)
    options = diff.options
    how = "B minus A, all runs of each side" if options.unpaired else "B minus A on shared seeds"
    title = f"A {diff.a} -> B {diff.b}: {how}, {options.weights} weights, mAP and NDS in points"
    table = Table(title=title, title_justify="left")
    percent = f"{options.confidence * 100:g} %"
    head = ("unit", "metric", "n", "A", "B", "difference", percent, "p (Holm)", "finding", "why")
    for column in head:
        text = column in ("unit", "metric", "finding", "why")
        table.add_column(column, justify="left" if text else "right", no_wrap=column != "why")
    for row in diff.rows:
        table.add_row(*row_cells(row), str(row.finding), row.reason)
    console.print(table)
    _print_causes(console, diff)
    for side, names in (("A", diff.only_a), ("B", diff.only_b)):
        if names:
            console.print(f"only in {side}: {', '.join(names)}")
    if (diff.only_a or diff.only_b) and not options.unpaired:
        console.print("Seeds missing on one side are left out above; --unpaired compares all runs of each side.")
    for note in diff.notes:
        console.print(note)


def short(value: Any) -> str:
    """A value of a record, its middle left out where it is long."""
    text = NOTHING if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:18]}...{text[-18:]}"


def _print_causes(console: Console, diff: Diff) -> None:
    recorded = diff.paired - diff.unrecorded
    if diff.unrecorded:
        console.print(
            f"{diff.unrecorded} of {diff.paired} paired runs have no record (files of another code base): nothing is "
            "known of their settings, data and code."
        )
    if diff.same:
        console.print(f"{diff.same} of {diff.paired} paired runs are the same files on both sides: nothing was rerun.")
    if not diff.causes:
        if recorded > diff.same:
            console.print("Paired records agree in settings, data, code, environment, optimisation and device.")
        return
    table = Table(title="Differences between paired records that could explain them", title_justify="left")
    for column in ("part", "entry", "A", "B", "runs", "where"):
        table.add_column(column)
    for cause in diff.causes[:_MOST_CAUSES]:
        where = ", ".join(cause.variants[:4]) + (", ..." if len(cause.variants) > 4 else "")
        table.add_row(cause.part, cause.key, short(cause.a), short(cause.b), str(cause.runs), where)
    console.print(table)
    if len(diff.causes) > _MOST_CAUSES:
        console.print(f"and {len(diff.causes) - _MOST_CAUSES} more (all of them in --format json)")
