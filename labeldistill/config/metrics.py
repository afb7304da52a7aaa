"""The overall metrics: unit, direction, which ones a paper is quoted by. How each is computed: `evaluation.metrics`."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator


@dataclass(frozen=True)
class MetricSpec:
    """What everything but its computation has to know of a metric.

    Attributes:
        unit: `points` for a share that is shown as 0-100 and stored as 0-1; otherwise the unit it is stored in.
        unmeasured_sd: spread between runs of one method that is taken where nobody has measured one, in `unit`; wide
            on purpose.
        higher_is_better: its direction.
        headline: whether a paper is quoted by it; such metrics are judged, planned for and shown first.
        margin: differences up to this count as none unless a study says otherwise, in `unit`. None: the metric is never
            called REPRODUCED without a margin of the study.
        planning_sd: spread between seeds that planning assumes as long as nothing is measured, in `unit`.
    """

    unit: str
    unmeasured_sd: float
    higher_is_better: bool = False
    headline: bool = False
    margin: float | None = None
    planning_sd: float | None = None

    @property
    def scale(self) -> float:
        """From the stored to the shown value."""
        return 100.0 if self.unit == "points" else 1.0


METRICS: dict[str, MetricSpec] = {
    "mAP": MetricSpec("points", 1.0, higher_is_better=True, headline=True, margin=0.5, planning_sd=0.5),
    "NDS": MetricSpec("points", 1.0, higher_is_better=True, headline=True, margin=0.5, planning_sd=0.5),
    "mATE": MetricSpec("m", 0.02),
    "mASE": MetricSpec("1-IoU", 0.01),
    "mAOE": MetricSpec("rad", 0.05),
    "mAVE": MetricSpec("m/s", 0.05),
    "mAAE": MetricSpec("1-acc", 0.02),
}

HEADLINE: tuple[str, ...] = tuple(name for name, spec in METRICS.items() if spec.headline)


def _known(name: str) -> str:
    if name not in METRICS:
        raise ValueError(f"no metric `{name}`; known: {', '.join(METRICS)}")
    return name


Metric = Annotated[str, AfterValidator(_known)]
