"""How numbers are written in tables: fixed digits, spread or interval beside a mean, a dash for nothing.

With a metric they are in the unit that people speak of (mAP and NDS in points), without one as files hold them.
"""

import math
from typing import TYPE_CHECKING

from labeldistill.config.metrics import METRICS

if TYPE_CHECKING:  # `status` writes numbers and computes none
    from labeldistill.statistics.bootstrap import Interval
    from labeldistill.statistics.summary import Summary

NOTHING = "-"


def _form(metric: str | None) -> tuple[float, int]:
    """Factor and digits: three after the point, or one in points."""
    scale = METRICS[metric].scale if metric else 1.0
    return scale, 3 if scale == 1 else 1


def number(value: float | None, digits: int = 3) -> str:
    """A value with fixed digits; a dash for None and NaN."""
    return NOTHING if value is None or math.isnan(value) else f"{value:.{digits}f}"


def measured(value: float, metric: str) -> str:
    """A value in the metric's unit."""
    scale, digits = _form(metric)
    return number(value * scale, digits)


def spread(summary: "Summary | None", metric: str | None = None) -> str:
    """Mean and sample sd."""
    if summary is None or summary.n == 0:
        return NOTHING
    scale, digits = _form(metric)
    middle = number(summary.mean * scale, digits)
    return middle if summary.n == 1 else f"{middle} ± {summary.sd * scale:.{digits}f}"


def interval(summary: "Summary | None", metric: str | None = None) -> str:
    """Signed mean with its interval."""
    if summary is None or summary.n == 0:
        return NOTHING
    scale, digits = _form(metric)
    middle, low, high = (f"{v * scale:+.{digits}f}" for v in (summary.mean, summary.low, summary.high))
    return middle if summary.n == 1 else f"{middle} [{low}, {high}]"


def signed(value: float, digits: int = 3, metric: str | None = None) -> str:
    """A difference with its sign."""
    scale, digits = _form(metric) if metric else (1.0, digits)
    return NOTHING if math.isnan(value) else f"{value * scale:+.{digits}f}"


def bounds(found: "Summary | Interval", metric: str | None = None) -> str:
    """An interval without its middle; a dash where there is none, or none with a width."""
    if math.isnan(found.low) or found.low == found.high:
        return NOTHING
    scale, digits = _form(metric)
    return f"[{found.low * scale:.{digits}f}, {found.high * scale:.{digits}f}]"


def p_value(value: float) -> str:
    """A p value with two significant digits; never 0."""
    if math.isnan(value):
        return NOTHING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
