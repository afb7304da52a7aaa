"""Claims beside a study's numbers, each with one verdict and its reason in words."""

from dataclasses import dataclass

from labeldistill.config.study import StudySettings
from labeldistill.records.claims import Claim
from labeldistill.reporting.study_tables import StudyTables


@dataclass(frozen=True)
class ClaimRow:
    """One metric of one claim beside what this study measured; values are fractions or nuScenes units."""

    variant: str
    claim: Claim
    metric: str
    published: float
    measured: float
    n: int
    verdict: str
    reason: str


def _why_not(study: StudySettings, claim: Claim) -> str:
    """Why the claim can't be compared with this study; empty when it can."""
    if not study.comparable:
        return study.not_comparable_because
    if claim.confidence not in ("primary", "quoted"):
        return f"the claim is {claim.confidence}, which never gives a verdict"
    if claim.split != study.evaluation_split:
        return f"the claim is of split {claim.split}, this study of {study.evaluation_split}"
    return ""


def claim_rows(study: StudySettings, tables: StudyTables, claims: dict[str, Claim]) -> list[ClaimRow]:
    """Every claim that the study names, metric by metric."""
    rows: list[ClaimRow] = []
    for variant, claim_id in study.claims.items():
        claim = claims[claim_id]
        for metric in ("mAP", "NDS"):
            published = claim.value(metric)
            if published is None:
                continue
            summary = tables.summary(variant, metric)
            reason = _why_not(study, claim)
            verdict = "NOT COMPARABLE" if reason else "INCONCLUSIVE"
            reason = reason or "no equivalence margin was declared for this study"
            rows.append(ClaimRow(variant, claim, metric, published, summary.mean, summary.n, verdict, reason))
    return rows
