"""One result file beside one published claim: both are single runs, which limits what can be said."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf, nan
from typing import Any

from labeldistill.claims.claims import Claim
from labeldistill.claims.noise import published_noise
from labeldistill.config.metrics import HEADLINE, METRICS
from labeldistill.evaluation.metrics import OVERALL, Metrics
from labeldistill.statistics.prediction import OneOfOurs, run_beside_run


class Beside(StrEnum):
    """What one file says about one claim."""

    AGREES = "AGREES"
    """It could be another run of the published method; far from the same as REPRODUCED."""
    DIFFERS = "DIFFERS"
    NOT_COMPARABLE = "NOT COMPARABLE"


@dataclass(frozen=True)
class MetricBeside:
    """One metric of file and claim, in points or its unit.

    Attributes:
        low, high: where a further run of the published method would fall.
        inside: whether the file's value lies there.
        noise: origin of the standard deviation behind the interval.
    """

    metric: str
    ours: float
    published: float
    low: float
    high: float
    inside: bool
    noise: str


@dataclass(frozen=True)
class ClaimBeside:
    """One claim and what the file says about it.

    Attributes:
        verdict, reason: by the headline metrics together, as one family; errors are shown, not judged.
        metrics: each metric that the claim has.
        classes: class -> AP of the file and published, in points; empty if nothing is published.
    """

    claim: Claim
    verdict: Beside
    reason: str
    metrics: tuple[MetricBeside, ...]
    classes: Mapping[str, tuple[float, float]]


def beside(claim: Claim, metrics: Metrics, why_not: str = "", *, alpha: float = 0.05) -> ClaimBeside:
    """Set scores of a file beside a claim.

    Args:
        claim: with values (a claim of gains alone says nothing about one file).
        metrics: scores of the file.
        why_not: reason why the file can't be compared with this claim; empty if it can.
        alpha: probability that a run of the published method is called DIFFERS.
    """
    judged = [name for name in HEADLINE if claim.value(name) is not None]
    rows = tuple(
        _row(claim, name, metrics, alpha / (len(judged) if name in judged else 1))
        for name in METRICS
        if claim.value(name) is not None
    )
    aps = metrics.mean_dist_aps
    classes = {name: (100 * aps.get(name, nan), value) for name, value in claim.per_class_AP.items()}
    verdict, reason = _verdict([row for row in rows if row.metric in judged], why_not, alpha)
    return ClaimBeside(claim, verdict, reason, rows, classes)


def _row(claim: Claim, metric: str, metrics: Metrics, alpha: float) -> MetricBeside:
    scale, noise = METRICS[metric].scale, published_noise(claim, metric)
    ours, published = scale * float(OVERALL[metric](metrics)), claim.values[metric]
    freedom = inf if noise.runs is None else noise.runs - 1
    found = run_beside_run(ours, published, noise.sd, freedom=freedom, alpha=alpha)
    inside = found.answer is OneOfOurs.COULD_BE
    return MetricBeside(metric, ours, published, found.low, found.high, inside, f"sd {noise.sd:.2g}, {noise.source}")


def _verdict(judged: list[MetricBeside], why_not: str, alpha: float) -> tuple[Beside, str]:
    if why_not:
        return Beside.NOT_COMPARABLE, why_not
    if not judged:
        return Beside.NOT_COMPARABLE, "the claim has neither an mAP nor an NDS"
    words = "; ".join(
        f"{row.metric} {row.ours:.2f} is {'inside' if row.inside else 'outside'} [{row.low:.2f}, {row.high:.2f}]"
        for row in judged
    )
    verdict = Beside.AGREES if all(row.inside for row in judged) else Beside.DIFFERS
    return verdict, f"{words}, where {100 * (1 - alpha):g} % of further runs of the published method fall"


def as_json(found: ClaimBeside) -> dict[str, Any]:
    """JSON values of a claim beside the file."""
    claim = found.claim
    about = {"claim": claim.id, "what": claim.what, "source": claim.source, "confidence": claim.confidence}
    classes = [
        {"class": name, "ours": ours, "published": published, "difference": ours - published}
        for name, (ours, published) in found.classes.items()
    ]
    rows = [vars(row) | {"difference": row.ours - row.published} for row in found.metrics]
    return {**about, "verdict": str(found.verdict), "reason": found.reason, "metrics": rows, "classes": classes}
