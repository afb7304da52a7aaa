"""Claims beside a study's numbers, each with one verdict and its reason in words."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from labeldistill.claims.claims import METRICS, POINTS, Claim
from labeldistill.claims.comparability import reservations, why_not_comparable
from labeldistill.config.study import StudySettings
from labeldistill.config.verdict import Metric
from labeldistill.errors import InputError
from labeldistill.reporting.study_tables import HIGHER_IS_BETTER, UNITS, StudyTables
from labeldistill.statistics.equivalence import Judgement, Levels, Verdict, judge
from labeldistill.statistics.summary import Summary, summarise
from labeldistill.study.apart import APART, Origin, label, origin_of, variant_of

STAGES = ("teacher", "label-encoder")
APART_NOTES: dict[Origin, str] = {
    "ingested": "files of another code base: that they were made in this configuration is not checked",
    "adopted": "a checkpoint trained elsewhere: its shapes fit, how it was trained is not checked",
}


@dataclass(frozen=True)
class ClaimRow:
    """One metric of one claim beside what this study measured.

    Attributes:
        variant: the unit it is set beside. metric: name; a gain over the baseline is called "gain in mAP".
        published, summary: fractions for mAP and NDS, nuScenes' units for errors.
        judgement: in the claim's units (points for mAP and NDS).
    """

    variant: str
    claim: Claim
    metric: str
    published: float
    summary: Summary
    judgement: Judgement

    @property
    def measured(self) -> float:
        """Mean over runs, in the unit of `published`."""
        return self.summary.mean

    @property
    def n(self) -> int:
        """Runs with a value."""
        return self.summary.n

    @property
    def verdict(self) -> str:
        """One of the five words."""
        return str(self.judgement.verdict)

    @property
    def reason(self) -> str:
        """Why, in words."""
        return self.judgement.reason


def claim_rows(study: StudySettings, tables: StudyTables, claims: dict[str, Claim]) -> list[ClaimRow]:
    """Every claim that the study names, metric by metric; a claimed gain is held against the paired differences.

    mAP and NDS always; an error only where the study declares a margin for it.

    Raises:
        InputError: the study names a claim or a unit that there is none of, or a gain for the baseline itself.
    """
    rows: list[ClaimRow] = []
    for unit, claim in _claimed(study, tables, claims):
        for metric in METRICS:
            published = claim.value(metric)
            if published is not None and (metric in POINTS or metric in study.verdict.margins):
                rows.append(_row(study, unit, claim, metric, published, list(tables.values(unit, metric).values())))
            gain = claim.delta(metric)
            if gain is not None:
                values = list(tables.deltas(unit, metric).values())
                rows.append(_row(study, unit, claim, metric, gain / 100, values, gain=True))
    return rows


def _claimed(study: StudySettings, tables: StudyTables, claims: dict[str, Claim]) -> Iterator[tuple[str, Claim]]:
    """Each unit of the study with its claim, and then the runs from elsewhere of the same unit, where there are any."""
    judged = tables.judged()
    for unit, claim_id in study.claims.items():
        claim = _claim_of(study, unit, claim_id, claims)
        own = unit in judged or (unit in STAGES and study.baseline in judged)
        apart = [label(unit, origin) for origin in APART]
        names = [*([unit] if own else []), *(name for name in apart if name in tables.units_present())]
        yield from ((name, claim) for name in names)


def _claim_of(study: StudySettings, unit: str, claim_id: str, claims: dict[str, Claim]) -> Claim:
    if unit not in study.variants and unit not in STAGES:
        raise InputError(f"no such unit; there are {', '.join((*STAGES, *study.variants))}", key=f"claims.{unit}")
    if claim_id not in claims:
        raise InputError(f"no claim `{claim_id}`; there are {', '.join(claims)}", key=f"claims.{unit}")
    claim = claims[claim_id]
    is_gain = any(claim.delta(metric) is not None for metric in POINTS)
    if is_gain and (unit == study.baseline or unit in STAGES):
        raise InputError(
            f"claim `{claim_id}` is a gain over a baseline, which {unit} has none of", key=f"claims.{unit}"
        )
    return claim


def _row(
    study: StudySettings,
    unit: str,
    claim: Claim,
    metric: Metric,
    published: float,
    values: list[float],
    *,
    gain: bool = False,
) -> ClaimRow:
    rules = study.verdict
    factor = 100.0 if metric in POINTS else 1.0
    summary = summarise(values, confidence=rules.confidence)
    name = f"gain in {metric}" if gain else metric
    reason = why_not_comparable(study, variant_of(unit), claim)
    if reason:
        judgement = Judgement(Verdict.NOT_COMPARABLE, reason, (summary.mean - published) * factor)
        return ClaimRow(unit, claim, name, published, summary, judgement)
    judgement = judge(
        [value * factor for value in values],
        published * factor,
        margin=rules.margins.get(metric),
        published_sd=rules.published_sd.get(metric, 0.0),
        higher_is_better=metric in HIGHER_IS_BETTER,
        levels=Levels(rules.alpha, rules.alpha),
        unit="points" if metric in POINTS else UNITS[metric],
    )
    notes = (*reservations(study, claim), *([APART_NOTES[origin_of(unit)]] if origin_of(unit) != "own" else []))
    words = "; ".join((judgement.reason, *notes))
    return ClaimRow(unit, claim, name, published, summary, replace(judgement, reason=words))
