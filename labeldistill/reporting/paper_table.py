"""The paper's main table and ours, one row per variant and metric: published, reproduced, difference, verdict."""

from collections.abc import Sequence

import pandas as pd

from labeldistill.claims.claims import Claim
from labeldistill.claims.evidence import Evidence
from labeldistill.config.methods import FIXED_UNITS
from labeldistill.config.metrics import HEADLINE, METRICS
from labeldistill.config.study import StudySettings
from labeldistill.reporting.pairs import pair_rows
from labeldistill.reporting.scored_runs import ScoredRun
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.reporting.verdicts import ClaimRow, claim_rows
from labeldistill.statistics.equivalence import Verdict
from labeldistill.statistics.summary import Summary, summarise
from labeldistill.study.apart import variant_of

NO_CLAIM = "no value was published for this variant; headline and gain are different runs and make no baseline"

MAIN = (
    *("variant", "metric", "claim", "source", "published", "mean", "low", "high", "sd", "n", "failed", "runs"),
    *("difference", "difference_low", "difference_high", "verdict", "reason"),
)
"""Columns of `main_table`; numbers in the units of claims (points for mAP and NDS)."""

PAIRS = (
    *("variant", "metric", "difference", "low", "high", "sd", "n", "failed", "pairs"),
    *("p_t", "p_sign_flip", "p_sign_flip_error", "p_holm", "finding", "reason"),
)
"""Columns of `pairs_table`; differences to the baseline in points."""


def _factor(metric: str) -> float:
    return METRICS[metric].scale


def _ours(summary: Summary, factor: float) -> dict[str, object]:
    return {
        "mean": summary.mean * factor,
        "low": summary.low * factor,
        "high": summary.high * factor,
        "sd": summary.sd * factor,
        "n": summary.n,
        "failed": summary.failed,
        "runs": " ".join(f"{value * factor:.2f}" for value in summary.values),
    }


def _claimed(row: ClaimRow) -> dict[str, object]:
    factor = _factor(row.metric.removeprefix("gain in "))
    return {
        "variant": row.variant,
        "metric": row.metric,
        "claim": row.claim.id,
        "source": row.claim.confidence,
        "published": row.published * factor,
        **_ours(row.summary, factor),
        "difference": row.judgement.difference,
        "difference_low": row.judgement.low,
        "difference_high": row.judgement.high,
        "verdict": row.verdict,
        "reason": row.reason,
    }


def _unclaimed(study: StudySettings, tables: StudyTables, variant: str, metric: str) -> dict[str, object]:
    summary = summarise(list(tables.values(variant, metric).values()), confidence=study.verdict.confidence)
    verdict = {"verdict": str(Verdict.NOT_COMPARABLE), "reason": NO_CLAIM}
    return {"variant": variant, "metric": metric, **_ours(summary, _factor(metric)), **verdict}


def main_table(
    study: StudySettings, tables: StudyTables, claims: dict[str, Claim], evidence: Evidence | None = None
) -> pd.DataFrame:
    """One row per variant and metric, always including mAP and NDS; columns MAIN.

    A variant without its own claim has no published value, and none is invented. The ingested runs of a variant have
    their own rows; so have teacher and label encoder if the study compares them with a claim.

    Args:
        study: the study that was run.
        tables: its scores.
        claims: claims by id.
        evidence: facts about the study's data and runs; without them, nothing is proven.

    Raises:
        InputError: the study names an unknown claim.
    """
    claimed = claim_rows(study, tables, claims, evidence)
    rows: list[dict[str, object]] = []
    stages = [unit for unit in tables.units_present() if variant_of(unit) in {*FIXED_UNITS} & {*study.claims}]
    for variant in (*stages, *tables.judged()):
        of_variant = [row for row in claimed if row.variant == variant]
        for metric in METRICS:
            found = [row for row in of_variant if row.metric in (metric, f"gain in {metric}")]
            rows += [_claimed(row) for row in found]
            if metric in HEADLINE and all(row.metric != metric for row in found):
                rows.append(_unclaimed(study, tables, variant, metric))
    return pd.DataFrame(rows, columns=list(MAIN))


def pairs_table(
    study: StudySettings, tables: StudyTables, runs: Sequence[ScoredRun] = (), evidence: Evidence | None = None
) -> pd.DataFrame:
    """One row per variant and metric against the baseline, paired by seed; columns PAIRS.

    Args:
        study: whose variants they are.
        tables: the scores.
        runs: as scored, with their draws of scenes (see `pairs.pair_rows`).
        evidence: which runs exist beside the reported ones.
    """
    rows: list[dict[str, object]] = []
    for row in pair_rows(tables, study, runs, confidence=study.verdict.confidence, evidence=evidence):
        ours = _ours(row.pairs.summary, 100.0)
        pairs = zip(row.pairs.seeds, row.pairs.differences, strict=True)
        rows.append(
            {
                **ours,
                "variant": row.variant,
                "metric": row.metric,
                "difference": ours["mean"],
                "pairs": " ".join(f"{seed}:{value * 100:+.2f}" for seed, value in pairs),
                "p_t": row.pairs.p_t,
                "p_sign_flip": row.pairs.sign_flip.p,
                "p_sign_flip_error": row.pairs.sign_flip.error,
                "p_holm": row.p_holm,
                "finding": str(row.finding),
                "reason": row.reason,
            }
        )
    return pd.DataFrame(rows, columns=list(PAIRS))
