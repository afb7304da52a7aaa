"""A table as text: Markdown, LaTeX (booktabs) or an HTML page; whatever stands in a name stays text in each."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class TableFormat(StrEnum):
    """How a table is written."""

    markdown = "markdown"
    latex = "latex"
    html = "html"
    csv = "csv"


class Bold(str):
    """A cell that stands outside the noise."""

    __slots__ = ()


@dataclass(frozen=True)
class TextTable:
    """What a reader sees.

    Attributes:
        head: name of each column. body: its rows.
        words: names of the columns that hold words; the others hold numbers and stand at the right.
        notes: numbered, below the table. lines: sentences below it.
    """

    caption: str
    head: Sequence[str]
    body: Sequence[Sequence[str]]
    words: frozenset[str] = frozenset()
    notes: Sequence[str] = field(default=())
    lines: Sequence[str] = field(default=())


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


def as_markdown(table: TextTable) -> str:
    """The table as Markdown; bold cells between asterisks."""
    lines = [[_markdown_cell(cell) for cell in line] for line in (table.head, *table.body)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.head))]

    def line(cells: list[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    marks = [
        "-" * (width + 1) + ("-" if name in table.words else ":")
        for width, name in zip(widths, table.head, strict=True)
    ]
    numbered = [f"{number}. {markdown_text(note)}" for number, note in enumerate(table.notes, start=1)]
    said = ["", *(f"- {markdown_text(text)}" for text in table.lines)] if table.lines else []
    head, *body = map(line, lines)
    return (
        "\n".join([markdown_text(table.caption), "", head, f"|{'|'.join(marks)}|", *body, "", *numbered, *said]) + "\n"
    )


def _markdown_cell(cell: str) -> str:
    return f"**{markdown_text(cell)}**" if isinstance(cell, Bold) else markdown_text(cell)


def as_latex(table: TextTable) -> str:
    """The table as a float over both columns of a paper, in a size that a page holds."""
    columns = "".join("l" if name in table.words else "r" for name in table.head)
    text = [
        r"% needs \usepackage{booktabs,graphicx}",
        r"\begin{table*}",
        r"\centering",
        rf"\caption{{{latex_text(table.caption)}}}",
        r"\setlength{\tabcolsep}{4pt}",
        # a wide table shrinks to the page, a narrow one keeps its size
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(map(latex_text, table.head)) + r" \\",
        r"\midrule",
        *(" & ".join(map(_latex_cell, cells)) + r" \\" for cells in table.body),
        r"\bottomrule",
        r"\end{tabular}}",
        *_latex_notes(table),
        r"\end{table*}",
    ]
    return "\n".join(text) + "\n"


def _latex_notes(table: TextTable) -> list[str]:
    numbered = [f"{number}. {latex_text(note)}" for number, note in enumerate(table.notes, start=1)]
    below = [*numbered, *map(latex_text, table.lines)]
    if not below:
        return []
    return [r"\begin{flushleft}\footnotesize", *(rf"{line}\\" for line in below), r"\end{flushleft}"]


def _latex_cell(cell: str) -> str:
    """A cell whose minus signs are minus signs."""
    text = re.sub(r"(?<![\w.])-(?=\.?\d)", "$-$", latex_text(cell))
    return rf"\textbf{{{text}}}" if isinstance(cell, Bold) else text


def as_html(table: TextTable) -> str:
    """The table as a page of its own, which needs no other file."""
    from labeldistill.reporting.pages import environment

    page = environment(Path()).get_template("table.html")
    return page.render(table=table, bold=lambda cell: isinstance(cell, Bold), contents=[("table", "Table")])


WRITERS = {TableFormat.markdown: as_markdown, TableFormat.latex: as_latex, TableFormat.html: as_html}
"""How a table is written in each format but CSV, which holds numbers and no text."""
