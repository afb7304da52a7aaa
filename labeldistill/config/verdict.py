"""How a study is judged: equivalence margins, noise of the published values, error rate, power, interim looks."""

from math import isfinite

from pydantic import Field, model_validator

from labeldistill.config.base import Settings
from labeldistill.config.metrics import METRICS, Metric

LEAST_CONFIDENCE = 0.8
"""A confidence at or below this would accept one false finding in five."""
MOST_ERROR = 0.05
"""Largest error rate of a verdict: a lower confidence narrows intervals, but makes no verdict easier to get."""


class VerdictSettings(Settings):
    """What verdicts are made by, in the units of `config.metrics`.

    Nothing here enters a run key: judging anew trains nothing.
    """

    margins: dict[Metric, float] = {name: spec.margin for name, spec in METRICS.items() if spec.margin}
    """Differences up to this count as none (equivalence margin). The default is what authors of the field call noise.
    A metric without a margin is never called REPRODUCED."""
    published_sd: dict[Metric, float] = {}
    """Standard deviation of the published value, one run of unknown seed; a metric not listed is taken as exact."""
    confidence: float = Field(0.95, gt=LEAST_CONFIDENCE, lt=1)
    """Confidence of intervals; 1 - confidence is the error rate of every test and family of tests, up to MOST_ERROR."""
    power: float = Field(0.8, gt=0.5, lt=1)
    """Wanted chance of a verdict, for planning."""
    assumed_sd: dict[Metric, float] = {name: spec.planning_sd for name, spec in METRICS.items() if spec.planning_sd}
    """Spread between seeds that planning assumes as long as nothing is measured."""
    seeds_per_look: int = Field(3, ge=2)
    """`--sequential`: seeds to run between two looks at the verdict."""

    @model_validator(mode="after")
    def _positive(self) -> "VerdictSettings":
        for name in ("margins", "assumed_sd"):
            for metric, value in getattr(self, name).items():
                if not (value > 0 and isfinite(value)):
                    raise ValueError(f"`{name}.{metric}` must be positive and finite, got {value}")
        for metric, value in self.published_sd.items():
            if not (value >= 0 and isfinite(value)):
                raise ValueError(f"`published_sd.{metric}` must be finite and not negative, got {value}")
        return self

    @property
    def alpha(self) -> float:
        """Error rate of verdicts: 1 - confidence, at most MOST_ERROR."""
        return min(round(1.0 - self.confidence, 12), MOST_ERROR)
