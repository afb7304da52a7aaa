"""A table of verdicts as Markdown, LaTeX (booktabs) or CSV; reasons become notes below it."""

import math
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import pandas as pd

from labeldistill.config.metrics import HEADLINE
from labeldistill.reporting.numbers import NOTHING

Row = Mapping[Hashable, Any]


class TableFormat(StrEnum):
    """How a table is written."""

    markdown = "markdown"
    latex = "latex"
    csv = "csv"


_LATEX = {
    **{
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "±": r"$\pm$",
        "Δ": r"$\Delta$",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
    },
    **{c: f"\\{c}" for c in "&%$#_{}"},
}


def latex_text(text: str) -> str:
    """Plain text for LaTeX; line breaks become spaces because an empty line would end a paragraph."""
    return "".join(_LATEX.get(character, character) for character in " ".join(text.split()))


def markdown_text(text: str) -> str:
    """Plain text for a Markdown table, without HTML, links, or ends of cells or rows."""
    plain = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", " ".join(text.split()))
    return plain.replace("|", "\\|").replace("](", "]\\(")


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
        _interval(row, "difference", "difference_low", "difference_high", "+"),
        str(row["verdict"]),
    ]


def _pair_cells(row: Row) -> list[str]:
    failed = f" ({row['failed']} failed)" if row["failed"] else ""
    return [
        str(row["variant"]),
        str(row["metric"]),
        _interval(row, "difference", "low", "high", "+"),
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
        _interval(row, "difference", "low", "high", "+"),
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


def formatted(
    table: pd.DataFrame, format: TableFormat, caption: str, confidence: float = 0.95, lines: Sequence[str] = ()
) -> str:
    """`main_table`, `pairs_table` or `hypothesis_table` as text.

    Args:
        table: table with numbers; CSV keeps all of them.
        format: markdown, latex or csv.
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
    write = _markdown if format is TableFormat.markdown else _latex
    return write([*head, "note"], body, notes, caption, lines)


def _markdown(head: list[str], body: list[list[str]], notes: list[str], caption: str, lines: Sequence[str]) -> str:
    head, *body = ([markdown_text(cell) for cell in line] for line in (head, *body))
    widths = [max(len(line[column]) for line in (head, *body)) for column in range(len(head))]

    def line(cells: list[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    numbered = [f"{number}. {markdown_text(note)}" for number, note in enumerate(notes, start=1)]
    said = ["", *(f"- {markdown_text(text)}" for text in lines)] if lines else []
    return "\n".join([markdown_text(caption), "", line(head), rule, *map(line, body), "", *numbered, *said]) + "\n"


def _latex(head: list[str], body: list[list[str]], notes: list[str], caption: str, lines: Sequence[str]) -> str:
    text = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering\small",
        rf"\caption{{{latex_text(caption)}}}",
        rf"\begin{{tabular}}{{ll{'r' * (len(head) - 4)}lr}}",
        r"\toprule",
        " & ".join(map(latex_text, head)) + r" \\",
        r"\midrule",
        *(" & ".join(map(latex_text, cells)) + r" \\" for cells in body),
        r"\bottomrule",
        r"\end{tabular}",
        r"\begin{flushleft}\footnotesize",
        *(rf"{number}. {latex_text(note)}\\" for number, note in enumerate(notes, start=1)),
        *(rf"{latex_text(said)}\\" for said in lines),
        r"\end{flushleft}",
        r"\end{table}",
    ]
    return "\n".join(text) + "\n"
