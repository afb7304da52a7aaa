"""Claims and a study's numbers, each with one verdict and its reason in words."""

from collections.abc import Iterator
from dataclasses import dataclass

from labeldistill.claims.claims import Claim
from labeldistill.claims.evidence import Evidence
from labeldistill.claims.study_claims import check_claims
from labeldistill.config.methods import FIXED_UNITS
from labeldistill.config.metrics import HEADLINE, METRICS
from labeldistill.config.study import StudySettings
from labeldistill.reporting.claim_judgement import Question, judgements
from labeldistill.reporting.differences import difference, of_unit, several_teachers
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.statistics.equivalence import Judgement
from labeldistill.statistics.summary import Summary, summarise
from labeldistill.study.apart import APART, label


@dataclass(frozen=True)
class ClaimRow:
    """One metric of one claim and what this study measured.

    Attributes:
        variant: the unit that is compared. metric: name; a gain over the baseline is called "gain in mAP".
        published, summary: fractions for mAP and NDS, nuScenes' units for errors.
        judgement: judgement in the claim's units (points for mAP and NDS).
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
        """Number of runs with a value."""
        return self.summary.n

    @property
    def verdict(self) -> str:
        """The verdict."""
        return str(self.judgement.verdict)

    @property
    def reason(self) -> str:
        """The reason in words."""
        return self.judgement.reason


def claim_rows(
    study: StudySettings, tables: StudyTables, claims: dict[str, Claim], evidence: Evidence | None = None
) -> list[ClaimRow]:
    """Every claim that the study names, by metric; a claimed gain is compared with the paired differences.

    mAP and NDS are always included; an error only if the study declares a margin for it.

    Args:
        study: the study that was run.
        tables: its scores.
        claims: claims by id.
        evidence: facts about the study's data and runs; without them, nothing is proven.

    Raises:
        InputError: the study names an unknown claim or unit, or a gain for the baseline itself; a margin
            wider than any published difference.
    """
    check_claims(study, claims)
    proof = evidence or Evidence()
    return [row for asked in _asked(study, tables, claims) for row in _rows(study, asked, proof, tables.weights)]


def _asked(study: StudySettings, tables: StudyTables, claims: dict[str, Claim]) -> Iterator[list[Question]]:
    """The questions of each claim and unit: one family each."""
    for unit, claim in _claimed(study, tables, claims):
        if questions := list(_questions(study, tables, unit, claim)):
            yield questions


def _rows(study: StudySettings, asked: list[Question], evidence: Evidence, weights: str) -> list[ClaimRow]:
    judged = judgements(study, asked, evidence, weights)
    return [
        ClaimRow(
            question.unit,
            question.claim,
            question.name,
            question.published,
            summarise(list(question.values.values()), confidence=study.verdict.confidence),
            judgement,
        )
        for question, judgement in zip(asked, judged, strict=True)
    ]


def _questions(study: StudySettings, tables: StudyTables, unit: str, claim: Claim) -> Iterator[Question]:
    for metric in METRICS:
        published, gain = claim.value(metric), claim.delta(metric)
        if published is not None and (metric in HEADLINE or metric in study.verdict.margins):
            estimate = of_unit(tables, unit, metric)
            yield Question(unit, claim, metric, published, tables.values(unit, metric), estimate=estimate)
        if gain is not None:
            ours = several_teachers(tables, unit, metric)
            found = difference(tables, (), unit, tables.baseline_of(unit), metric, factor=100.0) if ours else None
            yield Question(unit, claim, metric, gain / 100, tables.deltas(unit, metric), gain=True, estimate=found)


def _claimed(study: StudySettings, tables: StudyTables, claims: dict[str, Claim]) -> Iterator[tuple[str, Claim]]:
    """Each unit of the study with its claim, followed by the unit's ingested and adopted runs, if any."""
    judged = tables.judged()
    for unit, claim_id in study.claims.items():
        claim = claims[claim_id]
        own = unit in judged or (unit in FIXED_UNITS and study.baseline in judged)
        apart = [label(unit, origin) for origin in APART]
        names = [*([unit] if own else []), *(name for name in apart if name in tables.units_present())]
        yield from ((name, claim) for name in names)
