"""What a row of a diff says, as text: the same in the terminal, in Markdown and on a page."""

import math
from typing import Any

from labeldistill.compare.diff_rows import DiffRow
from labeldistill.reporting.numbers import NOTHING, number

HEAD = ("unit", "metric", "n", "A", "B", "difference", "interval", "p (Holm)", "finding", "why")
"""Columns of a row: `row_cells`, its finding and its reason."""


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


def short(value: Any) -> str:
    """A value of a record, its middle left out where it is long."""
    text = NOTHING if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:18]}...{text[-18:]}"
