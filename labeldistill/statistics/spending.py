"""O'Brien-Fleming error spending (Lan and DeMets 1983): how much of alpha each look at the data may use.

An e-value (`interim.e_value`) allows looks at any time at the cost of power, which few seeds can't afford. Looks here
are planned, so alpha can be spent on them, very little early and nearly all of it at the last look: the final test is
almost that of a fixed number of seeds.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

_POINTS = 801
_FAR = 8.0
"""Standard deviations beyond which the normal distribution is neglected."""


def spent(fraction: float, alpha: float) -> float:
    """Part of a one-sided `alpha` that is spent when `fraction` (0..1] of the planned information is available."""
    return float(2 * special.ndtr(special.ndtri(alpha / 2) / fraction**0.5))


def boundaries(fractions: Sequence[float], alpha: float) -> tuple[float, ...]:
    """The z value of each look from which a one-sided test rejects, with total error `alpha`.

    Args:
        fractions: information at each look relative to the last, ascending, the last one 1.
        alpha: one-sided error rate of all looks together.

    Numerical integration of the score process over the looks that did not reject (Armitage, McPherson, Rowe 1969).
    """
    bounds: list[float] = []
    used, last = 0.0, 0.0
    grid, density = np.zeros(1), np.ones(1)
    for fraction in fractions:
        wanted, step = spent(fraction, alpha) - used, (fraction - last) ** 0.5
        bound = _bound(grid, density, step, wanted, fraction**0.5)
        bounds.append(bound / fraction**0.5)
        after = np.linspace(-_FAR * fraction**0.5, bound, _POINTS)
        kernel = np.exp(-(((after[:, None] - grid) / step) ** 2) / 2) / (step * (2 * np.pi) ** 0.5)
        grid, density = after, _integral(kernel * density, grid)
        used, last = used + wanted, fraction
    return tuple(bounds)


def _integral(values: Floats, grid: Floats) -> Floats:
    """Integral along the last axis; a grid of one point is a point mass."""
    return np.asarray(values[..., 0] if len(grid) == 1 else _simpson(values, grid))


def _simpson(values: Floats, grid: Floats) -> Floats:
    from scipy import integrate  # slow to import, and a plan without looks needs none

    return np.asarray(integrate.simpson(values, x=grid, axis=-1))


def _bound(grid: Floats, density: Floats, step: float, wanted: float, scale: float) -> float:
    """Score that the process exceeds with probability `wanted` at this look."""

    def excess(bound: float) -> float:
        return float(_integral(density * special.ndtr((grid - bound) / step), grid)) - wanted

    from scipy import optimize

    highest = _FAR * scale
    return highest if excess(highest) >= 0 else float(optimize.brentq(excess, -highest, highest, xtol=1e-10))
