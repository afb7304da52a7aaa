"""A diff as a page of its own: the answer, each difference with its interval, and what could explain it."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from labeldistill.compare.diff import Diff
from labeldistill.compare.diff_rows import DiffRow
from labeldistill.reporting.diff_words import HEAD, row_cells, short
from labeldistill.reporting.pages import environment
from labeldistill.reporting.style import INK, Picture, figure, inline_svg, save
from labeldistill.statistics.holm import Finding

GOOD, BAD, OPEN = "#009e73", "#d55e00", "#767b85"
"""After Okabe and Ito; the marker says the same as the colour."""
_MARKS = {Finding.BETTER: (GOOD, "^"), Finding.WORSE: (BAD, "v")}


def diff_page(diff: Diff) -> str:
    """The page as HTML, without other files."""
    drawn = [row for row in diff.rows if np.isfinite(row.summary.mean) and row.unit == "points"]
    contents = [
        ("answer", "What changed", True),
        ("intervals", "Differences as a figure", drawn),
        ("rows", "Every difference", True),
        ("causes", "What could explain it", True),
        ("unpaired", "Without a partner", diff.only_a or diff.only_b or diff.missing),
    ]
    return (
        environment(Path())
        .get_template("diff.html")
        .render(
            diff=diff,
            head=HEAD,
            rows=[(row, row_cells(row)) for row in diff.rows],
            better=[row for row in diff.rows if row.finding is Finding.BETTER],
            percent=f"{diff.options.confidence * 100:g} %",
            figure=_figure(drawn) if drawn else None,
            short=short,
            contents=[(id, name) for id, name, there in contents if there],
        )
    )


def _figure(rows: list[DiffRow]) -> Markup:
    """Each difference in points with its interval; zero is no difference."""
    fig, axis = figure(8.0, 0.9 + 0.3 * len(rows))
    table: list[dict[str, Any]] = []
    for place, row in enumerate(rows):
        found = row.summary
        colour, mark = _MARKS.get(row.finding, (OPEN, "o"))
        half = found.high - found.mean if np.isfinite(found.high) and found.n > 1 else 0.0
        axis.errorbar(found.mean, place, xerr=half, fmt=mark, color=colour, capsize=3, lw=1.4, ms=5)
        table.append({"unit": row.name, "metric": row.metric, "difference": found.mean})
    axis.axvline(0, color=INK, lw=1)
    axis.set_yticks(range(len(rows)), [f"{row.study}/{row.variant} {row.metric}" for row in rows])
    axis.set_xlabel("B less A (points)")
    axis.grid(visible=False, axis="y")
    axis.invert_yaxis()
    with TemporaryDirectory() as folder:
        save(fig, Path(folder), Picture("diff", "", ""), pd.DataFrame(table))
        return Markup(inline_svg((Path(folder) / "diff.svg").read_text(encoding="utf-8"), "diff"))
