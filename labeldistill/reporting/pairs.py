"""Every variant against the baseline on shared seeds, corrected over the family of comparisons."""

from collections.abc import Sequence
from dataclasses import dataclass

from labeldistill.claims.evidence import Evidence
from labeldistill.config.metrics import HEADLINE, METRICS
from labeldistill.config.study import StudySettings
from labeldistill.config.verdict import MOST_ERROR
from labeldistill.reporting.differences import difference
from labeldistill.reporting.scope import teacher_scope
from labeldistill.reporting.scored_runs import ScoredRun
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.statistics.estimate import Estimate
from labeldistill.statistics.holm import Finding, family_size, finding, holm, p_for_family
from labeldistill.statistics.paired import PairedComparison, compare_pairs
from labeldistill.statistics.sensitivity import outlying
from labeldistill.study.apart import variant_of


@dataclass(frozen=True)
class PairRow:
    """One variant and metric against the baseline; differences in the table's unit (fractions for mAP and NDS).

    Attributes:
        pairs: per seed. estimate: their mean with the error that seeds, teachers and scenes give it; the finding rests
            on its p value after Holm, `p_holm`.
    """

    variant: str
    metric: str
    pairs: PairedComparison
    estimate: Estimate
    p_holm: float
    finding: Finding
    reason: str


def pair_rows(
    tables: StudyTables,
    study: StudySettings | None = None,
    runs: Sequence[ScoredRun] = (),
    *,
    confidence: float = 0.95,
    metrics: tuple[str, ...] = HEADLINE,
    evidence: Evidence | None = None,
) -> list[PairRow]:
    """All variants but the baseline, own and ingested, in all `metrics`, as one family with error rate 1 - confidence.

    Where the reported runs are a choice among more, nothing is found, and the reason begins with it.

    Args:
        tables: the scores.
        study: the study; if given, a finding begins with the teacher that it holds for.
        runs: scored runs with their draws of scenes; without them, findings rest on the seeds alone.
        confidence, metrics: confidence and metrics of the family.
        evidence: which runs exist beside the reported ones; None: not known.
    """
    compared = [
        (variant, metric, compare_pairs(tables.deltas(variant, metric), confidence=confidence, resolution=1e-9))
        for variant in tables.compared()
        for metric in metrics
    ]
    estimates = [difference(tables, runs, v, tables.baseline_of(v), metric) for v, metric, _ in compared]
    p_values = [p_for_family(pairs, found) for (_, _, pairs), found in zip(compared, estimates, strict=True)]
    adjusted, family = holm(p_values), family_size(p_values)
    rows: list[PairRow] = []
    for (variant, metric, pairs), estimate, p in zip(compared, estimates, adjusted, strict=True):
        better = METRICS[metric.partition("@")[0]].higher_is_better
        found, reason = finding(
            pairs, p, estimate.basis, alpha=min(1 - confidence, MOST_ERROR), higher_is_better=better, family=family
        )
        if (far := outlying(dict(zip(pairs.seeds, pairs.differences, strict=True)))) is not None:
            reason += f"; seed {far.seed} stands apart from the other pairs (Grubbs p = {far.p:.2g})"
        given = teacher_scope(study, variant, study.baseline) if study is not None else ""
        if given and found in (Finding.BETTER, Finding.WORSE, Finding.NOT_SHOWN):
            reason = f"{given}: {reason}"
        if study is not None and evidence and (held := _chosen(study, evidence, variant)):
            found = Finding.CANT_TELL if found in (Finding.BETTER, Finding.WORSE) else found
            reason = f"{held}; {reason}"
        rows.append(PairRow(variant, metric, pairs, estimate, p, found, reason))
    return rows


def _chosen(study: StudySettings, evidence: Evidence, unit: str) -> str:
    """How the runs of a unit and of the baseline are a choice, in words."""
    return "; ".join(evidence.chosen((variant_of(unit), study.baseline), study.seeds))
