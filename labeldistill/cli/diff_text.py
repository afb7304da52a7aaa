"""A diff in the terminal."""

import sys
from typing import Any

from rich.console import Console
from rich.table import Table

from labeldistill.compare.diff import Diff, DiffRow
from labeldistill.reporting.numbers import NOTHING, number

_MOST_CAUSES = 40


def _cells(row: DiffRow) -> list[str]:
    summary = row.pairs.summary
    digits = 2 if row.unit in ("points", "%") else 4
    unit = "" if row.unit in ("points", row.metric) else f" {row.unit}"
    difference = NOTHING if row.pairs.n == 0 else f"{summary.mean:+.{digits}f}{unit}"
    between = NOTHING
    if row.pairs.n > 1 and summary.sd > 0:
        between = f"[{summary.low:+.{digits}f}, {summary.high:+.{digits}f}]"
    failed = f" ({summary.failed} failed)" if summary.failed else ""
    numbers = [number(row.a, digits), number(row.b, digits), difference, between]
    return [f"{row.study}/{row.variant}", row.metric, f"{row.pairs.n}{failed}", *numbers, number(row.p_holm, 4)]


def print_diff(diff: Diff) -> None:
    """Rows, then what could explain them, then what was not paired."""
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    title = f"A {diff.a} -> B {diff.b}: B less A on shared seeds, {diff.weights} weights, mAP and NDS in points"
    table = Table(title=title, title_justify="left")
    head = ("unit", "metric", "n", "A", "B", "difference", f"{diff.confidence * 100:g} %", "p (Holm)", "finding", "why")
    for column in head:
        text = column in ("unit", "metric", "finding", "why")
        table.add_column(column, justify="left" if text else "right", no_wrap=column != "why")
    for row in diff.rows:
        table.add_row(*_cells(row), str(row.finding), row.reason)
    console.print(table)
    _print_causes(console, diff)
    for side, names in (("A", diff.only_a), ("B", diff.only_b)):
        if names:
            console.print(f"only in {side}: {', '.join(names)}")
    for note in diff.notes:
        console.print(note)


def _short(value: Any) -> str:
    text = NOTHING if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:18]}...{text[-18:]}"


def _print_causes(console: Console, diff: Diff) -> None:
    if not diff.causes:
        console.print("Paired records agree in settings, data, code, environment, optimisation and device.")
        return
    table = Table(title="Differences between paired records that could explain them", title_justify="left")
    for column in ("part", "entry", "A", "B", "runs", "where"):
        table.add_column(column)
    for cause in diff.causes[:_MOST_CAUSES]:
        where = ", ".join(cause.variants[:4]) + (", ..." if len(cause.variants) > 4 else "")
        table.add_row(cause.part, cause.key, _short(cause.a), _short(cause.b), str(cause.runs), where)
    console.print(table)
    if len(diff.causes) > _MOST_CAUSES:
        console.print(f"and {len(diff.causes) - _MOST_CAUSES} more (all of them in --format json)")
