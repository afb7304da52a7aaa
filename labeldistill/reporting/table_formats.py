"""Tables of verdicts: their columns and cells as text; reasons become notes below them."""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from labeldistill.config.metrics import HEADLINE
from labeldistill.reporting.numbers import NOTHING
from labeldistill.reporting.text_table import WRITERS, Bold, TableFormat, TextTable

Row = Mapping[Hashable, Any]


def _number(value: object, digits: int, sign: str = "") -> str:
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return NOTHING if missing else f"{value:{sign}.{digits}f}"


def _p_value(value: float) -> str:
    return "<0.0001" if value < 0.0001 else _number(value, 4)


def _interval(row: Row, middle: str, low: str, high: str, sign: str = "") -> str:
    digits = 2 if str(row["metric"]).removeprefix("gain in ") in HEADLINE else 3
    if _number(row[low], digits) == NOTHING or row[low] == row[high]:
        return _number(row[middle], digits, sign)
    return (
        f"{_number(row[middle], digits, sign)} [{_number(row[low], digits, sign)}, {_number(row[high], digits, sign)}]"
    )


def _main_cells(row: Row) -> list[str]:
    failed = f" ({row['failed']} failed)" if row["failed"] else ""
    return [
        str(row["variant"]),
        str(row["metric"]),
        _number(row["published"], 2),
        _interval(row, "mean", "low", "high"),
        _number(row["sd"], 2),
        f"{row['n']}{failed}",
        str(row["runs"]) or NOTHING,
        _marked(_interval(row, "difference", "difference_low", "difference_high", "+"), row["verdict"]),
        str(row["verdict"]),
    ]


def _pair_cells(row: Row) -> list[str]:
    failed = f" ({row['failed']} failed)" if row["failed"] else ""
    return [
        str(row["variant"]),
        str(row["metric"]),
        _marked(_interval(row, "difference", "low", "high", "+"), row["finding"]),
        _number(row["sd"], 2),
        f"{row['n']}{failed}",
        str(row["pairs"]) or NOTHING,
        *(_p_value(row[p]) for p in ("p_t", "p_sign_flip", "p_holm")),
        str(row["finding"]),
    ]


def _hypothesis_cells(row: Row) -> list[str]:
    failed = f" ({row['failed']} failed)" if row["failed"] else ""
    return [
        str(row["hypothesis"]),
        f"{row['better'] or NOTHING} > {row['worse'] or NOTHING}",
        str(row["metric"]),
        _marked(_interval(row, "difference", "low", "high", "+"), row["verdict"]),
        f"{row['n']}{failed}",
        *(_p_value(row[p]) for p in ("p_supported", "p_contradicted", "p_signs")),
        str(row["verdict"]),
        _number(row["published_gain"], 1, "+"),
    ]


_MAIN_HEAD = ["variant", "metric", "published", "reproduced [95 %]", "sd", "n", "runs", "difference", "verdict"]
_PAIR_HEAD = ["variant", "metric", "difference [95 %]", "sd", "n", "pairs", "p (t)", "p (signs)", "p (Holm)", "finding"]
_HYPOTHESIS_HEAD = [
    *("hypothesis", "here", "metric", "difference [95 %]", "pairs"),
    *("p of no gain", "p of no loss", "p (signs)", "verdict", "published gain"),
]
_KINDS: tuple[tuple[str, list[str], Callable[[Row], list[str]]], ...] = (
    ("p_supported", _HYPOTHESIS_HEAD, _hypothesis_cells),
    ("verdict", _MAIN_HEAD, _main_cells),
    ("finding", _PAIR_HEAD, _pair_cells),
)
"""Kinds of tables in the order of detection: a column that only this kind has, its head, its cells."""
_WORDS = frozenset({"variant", "metric", "hypothesis", "here", "runs", "pairs", "verdict", "finding"})
_OUTSIDE = frozenset({"BETTER", "WORSE", "SUPPORTED", "CONTRADICTED"})
"""Findings that noise does not explain: the difference behind one is bold."""


def _marked(cell: str, finding: object) -> str:
    return Bold(cell) if str(finding) in _OUTSIDE else cell


def formatted(
    table: pd.DataFrame, format: TableFormat, caption: str, confidence: float = 0.95, lines: Sequence[str] = ()
) -> str:
    """`main_table`, `pairs_table` or `hypothesis_table` as text.

    Args:
        table: table with numbers; CSV keeps all of them.
        format: markdown, latex, html or csv.
        caption: caption with study, weights and units.
        confidence: confidence of the intervals, for the head.
        lines: sentences below the table, one per claim; not in CSV.
    """
    if format is TableFormat.csv:
        return table.to_csv(index=False, float_format="%.6g")
    head, cells = next((names, write) for column, names, write in _KINDS if column in table)
    percent = f"[{confidence * 100:g} %]"
    head = [name.replace("[95 %]", percent) for name in head]
    notes = list(dict.fromkeys(str(reason) for reason in table["reason"]))
    body = [[*cells(row), str(notes.index(row["reason"]) + 1)] for row in table.to_dict("records")]
    return WRITERS[format](TextTable(caption, [*head, "note"], body, _WORDS, notes, lines))
