"""What every page is made with: the templates, and how they write numbers, verdicts and figures."""

from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from labeldistill.config.metrics import HEADLINE
from labeldistill.reporting import numbers, words
from labeldistill.reporting.run_sources import run_anchor, unit_anchor
from labeldistill.reporting.style import FORMATS, Picture, inline_svg
from labeldistill.study.apart import is_apart

_GOOD = {"REPRODUCED", "BETTER", "SUPPORTED", "finished"}
_BAD = {"WORSE", "CONTRADICTED", "failed", "diverged"}


def environment(figures: Path) -> jinja2.Environment:
    """Templates that escape whatever they are given.

    Args:
        figures: folder of the page's SVG files.
    """
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("labeldistill.reporting"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    written = ("number", "measured", "spread", "interval", "signed", "bounds", "p_value")
    made.filters.update({name: getattr(numbers, name) for name in written})
    made.filters.update(
        shown=shown,
        between=between,
        percent=lambda value: numbers.number(None if value is None else value * 100, 1),
        formats=lambda picture: [kind for kind in FORMATS if (figures / f"{picture.name}.{kind}").is_file()],
        short=lambda value: numbers.NOTHING if value != value else f"{value:.4g}",
        metric_words=words.metric_words,
        measured_words=words.measured_words,
        verdict_kind=verdict_kind,
        unit_anchor=unit_anchor,
        run_anchor=run_anchor,
        svg=lambda picture: _svg(figures, picture),
    )
    made.tests["apart"] = is_apart
    return made


def verdict_kind(word: str) -> str:
    """`good`, `bad` or `open`: how a verdict is marked, beside its word."""
    return "good" if word in _GOOD else "bad" if word in _BAD else "open"


def _digits(metric: str) -> int:
    return 2 if metric.removeprefix("gain in ") in HEADLINE else 3


def shown(value: float, metric: str, sign: str = "") -> str:
    """A value of a table in the claims' units; a dash for nothing."""
    return numbers.NOTHING if value is None or value != value else f"{value:{sign}.{_digits(metric)}f}"


def between(row: Any, low: str, high: str, sign: str = "") -> str:
    """An interval in a table's row; a dash if it is missing or has no width.

    Args:
        row: row with a metric and the bounds.
        low: column of the lower bound.
        high: column of the upper bound.
        sign: "+" to show the sign of positive values.
    """
    if row[low] != row[low] or row[low] == row[high]:
        return numbers.NOTHING
    return f"[{shown(row[low], row['metric'], sign)}, {shown(row[high], row['metric'], sign)}]"


def _svg(figures: Path, picture: Picture) -> Markup:
    """A drawn figure as part of the page; its PNG where only that was kept of an older report."""
    file = figures / f"{picture.name}.svg"
    if not file.is_file():
        return Markup('<img src="figures/{}.png" alt="{}">').format(picture.name, picture.alt)
    return Markup(inline_svg(file.read_text(encoding="utf-8"), picture.name))
