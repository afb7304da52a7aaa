"""Rows of a diff: a metric of a variant on both sides, tested and corrected within its family."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from labeldistill.compare.diff_measured import Family, Measured
from labeldistill.config.metrics import HEADLINE
from labeldistill.statistics.holm import Finding, family_size, finding, finding_of_groups, holm, p_for_family
from labeldistill.statistics.paired import PairedComparison
from labeldistill.statistics.summary import Summary
from labeldistill.statistics.unpaired import UnpairedComparison


@dataclass(frozen=True)
class DiffOptions:
    """How two sides are compared.

    Attributes:
        weights: "ema" or "raw".
        metrics: scores to compare, all of which enter the family.
        confidence: confidence of the intervals; 1 - confidence is the error rate of each family.
        speed: also compare speed and memory, as a separate family.
        unpaired: compare all runs of a variant with all of the other side, regardless of seeds.
    """

    weights: str = "ema"
    metrics: Sequence[str] = HEADLINE
    confidence: float = 0.95
    speed: bool = False
    unpaired: bool = False


@dataclass(frozen=True)
class DiffRow:
    """One metric of one variant on both sides.

    Attributes:
        unit: "points" (mAP, NDS), "%" of side A's value (speed and memory), or that of the metric.
        a, b: means over the compared runs, in points or the metric's own unit.
        pairs: B minus A in `unit`, by seed or between the groups.
        p_holm: p value corrected over all rows of the same family.
        lost: seeds with a value in A and none in B.
    """

    study: str
    variant: str
    metric: str
    unit: str
    family: Family
    a: float
    b: float
    pairs: PairedComparison | UnpairedComparison
    p_holm: float
    finding: Finding
    reason: str
    lost: tuple[int, ...] = ()

    @property
    def summary(self) -> Summary:
        """Mean difference and its interval."""
        return self.pairs.summary

    @property
    def name(self) -> str:
        """Study, variant and metric."""
        return f"{self.study}/{self.variant} {self.metric}"


def row_json(row: DiffRow) -> dict[str, Any]:
    """A row as JSON values, including NaN."""
    about = {name: getattr(row, name) for name in ("study", "variant", "metric", "unit", "family", "a", "b")}
    summary = row.summary
    found: dict[str, Any] = {"difference": summary.mean, "low": summary.low, "high": summary.high}
    found["failed"] = summary.failed
    if isinstance(row.pairs, PairedComparison):
        pairs = dict(zip(map(str, row.pairs.seeds), row.pairs.differences, strict=True))
        found |= {"n": row.pairs.n, "sd": summary.sd, "pairs": pairs, "p_t": row.pairs.p_t}
        found |= {"p_sign_flip": row.pairs.sign_flip.p}
    else:
        found |= {"n": list(row.pairs.n), "p_t": row.pairs.p}
    said = {"p_holm": row.p_holm, "finding": str(row.finding), "reason": row.reason, "lost": list(row.lost)}
    return {**about, **found, **said}


def judged(compared: list[Measured], options: DiffOptions) -> list[DiffRow]:
    """One row for each, judged as one family with one error rate."""
    found = [
        entry.groups(options.confidence) if options.unpaired else entry.pairs(options.confidence) for entry in compared
    ]
    p_values = [
        math.nan if entry.why_not else pairs.p if isinstance(pairs, UnpairedComparison) else p_for_family(pairs)
        for entry, pairs in zip(compared, found, strict=True)
    ]
    family = family_size(p_values)
    adjusted = holm(p_values)
    return list(_rows(compared, found, adjusted, 1 - options.confidence, family))


def _rows(
    compared: list[Measured],
    found: Sequence[PairedComparison | UnpairedComparison],
    adjusted: list[float],
    alpha: float,
    family: int,
) -> Iterator[DiffRow]:
    for entry, pairs, p in zip(compared, found, adjusted, strict=True):
        better = entry.higher_is_better
        if entry.why_not:
            verdict, reason = Finding.CANT_TELL, entry.why_not
        elif isinstance(pairs, UnpairedComparison):
            verdict, reason = finding_of_groups(pairs, p, alpha=alpha, higher_is_better=better, family=family)
        else:
            verdict, reason = finding(pairs, p, alpha=alpha, higher_is_better=better, family=family)
        about = (entry.study, entry.variant, entry.metric, entry.unit, entry.family)
        seeds = pairs.seeds if isinstance(pairs, PairedComparison) else None
        a, b = (_mean(side, seeds) for side in (entry.a, entry.b))
        yield DiffRow(*about, a, b, pairs, p, verdict, reason, tuple(entry.lost))


def _mean(values: dict[int, float], seeds: Sequence[int] | None) -> float:
    """Mean over these seeds, or over all that have a value."""
    there = [value for seed, value in values.items() if math.isfinite(value) and (seeds is None or seed in seeds)]
    return sum(there) / len(there) if there else float("nan")
