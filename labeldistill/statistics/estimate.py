"""A mean with its standard error and degrees of freedom, from which t intervals and t tests are computed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from labeldistill.statistics.summary import summarise


@dataclass(frozen=True)
class Estimate:
    """A mean in any unit; values that can't be given are NaN.

    Attributes:
        mean: of n values. error: its standard error. freedom: degrees of freedom of `error`.
        n: values behind it. failed: runs or pairs without a value, which are left out.
        basis: what is random (seeds, scenes), in words.
    """

    mean: float
    error: float
    freedom: float
    n: int
    failed: int = 0
    basis: str = "seeds"

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Two-sided t interval."""
        half = float(special.stdtrit(self.freedom, 0.5 + confidence / 2)) * self.error
        return self.mean - half, self.mean + half

    def p_below(self) -> float:
        """One-sided p value against "the true mean is 0 or less"; NaN without spread."""
        return float(special.stdtr(self.freedom, -self.mean / self.error)) if self.error > 0 else float("nan")

    def p_above(self) -> float:
        """One-sided p value against "the true mean is 0 or more"; NaN without spread."""
        return float(special.stdtr(self.freedom, self.mean / self.error)) if self.error > 0 else float("nan")

    def p_two_sided(self) -> float:
        """Two-sided p value of "the true mean is 0"; NaN without spread."""
        return 2 * min(self.p_below(), self.p_above()) if self.error > 0 else float("nan")


def over_seeds(values: Sequence[float], resolution: float = 0.0) -> Estimate:
    """Mean over seeds with the standard error from their spread; NaN values count as failed.

    Args:
        values: one per seed.
        resolution: values that differ by no more than this have no spread.
    """
    found = summarise(values, resolution=resolution)
    error = found.sd / found.n**0.5 if found.n > 1 else np.nan
    return Estimate(found.mean, error, float(found.n - 1), found.n, found.failed)
