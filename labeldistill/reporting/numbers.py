"""How numbers are written in tables: three digits, spread or interval beside a mean, a dash for nothing."""

import math

from labeldistill.statistics.bootstrap import Interval
from labeldistill.statistics.summary import Summary

NOTHING = "-"


def number(value: float | None, digits: int = 3) -> str:
    """A value with fixed digits; a dash for None and NaN."""
    return NOTHING if value is None or math.isnan(value) else f"{value:.{digits}f}"


def spread(summary: Summary | None) -> str:
    """Mean and sample sd."""
    if summary is None or summary.n == 0:
        return NOTHING
    return number(summary.mean) if summary.n == 1 else f"{summary.mean:.3f} ± {summary.sd:.3f}"


def interval(summary: Summary | None) -> str:
    """Signed mean with its interval."""
    if summary is None or summary.n == 0:
        return NOTHING
    if summary.n == 1:
        return f"{summary.mean:+.3f}"
    return f"{summary.mean:+.3f} [{summary.low:+.3f}, {summary.high:+.3f}]"


def signed(value: float, digits: int = 3) -> str:
    """A difference with its sign."""
    return NOTHING if math.isnan(value) else f"{value:+.{digits}f}"


def bounds(found: Summary | Interval) -> str:
    """An interval without its middle; a dash where there is none, or none with a width."""
    if math.isnan(found.low) or found.low == found.high:
        return NOTHING
    return f"[{found.low:.3f}, {found.high:.3f}]"


def p_value(value: float) -> str:
    """A p value with two digits that count; never 0."""
    if math.isnan(value):
        return NOTHING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
