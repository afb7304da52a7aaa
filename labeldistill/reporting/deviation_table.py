"""The effect of each deviation: corrected minus released on shared seeds, from the table of a study that flips them."""

from dataclasses import dataclass

import pandas as pd

from labeldistill.claims.deviations import Effect, MeasuredDifference, switch_of_variant
from labeldistill.config.metrics import HEADLINE
from labeldistill.config.study import StudySettings
from labeldistill.errors import InputError
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.statistics.holm import family_size, finding, holm, p_for_family
from labeldistill.statistics.paired import PairedComparison, compare_pairs

COLUMNS = (
    *("switch", "flipped to", "metric", "effect", "low", "high", "sd", "n", "failed", "p_t", "p_holm", "finding"),
    "reason",
)
"""Columns of `deviation_table`; effect, interval and sd in points, corrected minus released."""


@dataclass(frozen=True)
class MeasuredSwitch:
    """A switch and metric; `pairs` are corrected minus released, in points."""

    switch: str
    variant: str
    value: str
    metric: str
    pairs: PairedComparison
    p_holm: float
    finding: str
    reason: str


def measured_switches(study: StudySettings, tables: StudyTables) -> list[MeasuredSwitch]:
    """Every variant that flips one switch against the study's baseline, in mAP and NDS, corrected as one family.

    The sign is reversed for a variant that sets a switch to `released` because the study itself has it corrected.

    Raises:
        InputError: no variant flips a switch, or one changes more than that.
    """
    flips = {v: switch_of_variant(study, v) for v in study.variants if v != study.baseline}
    compared = []
    for variant, flip in flips.items():
        if flip is None:
            continue
        sign = 100.0 if flip[1] == "corrected" else -100.0
        for metric in HEADLINE:
            points = {seed: sign * value for seed, value in tables.deltas(variant, metric).items()}
            pairs = compare_pairs(points, confidence=study.verdict.confidence, resolution=1e-7)
            compared.append((variant, *flip, metric, pairs))
    if not compared:
        raise InputError(f"no variant of study {study.name} flips a switch", key="variants")
    p_values = [p_for_family(pairs) for *_, pairs in compared]
    adjusted, family = holm(p_values), family_size(p_values)
    rows = []
    for (variant, switch, value, metric, pairs), p in zip(compared, adjusted, strict=True):
        found, reason = finding(pairs, p, alpha=study.verdict.alpha, higher_is_better=True, family=family)
        rows.append(MeasuredSwitch(switch, variant, value, metric, pairs, p, str(found), reason))
    return rows


def deviation_table(rows: list[MeasuredSwitch]) -> pd.DataFrame:
    """One row per switch and metric (columns: COLUMNS)."""
    table = [
        (
            *(row.switch, row.value, row.metric),
            *(row.pairs.summary.mean, row.pairs.summary.low, row.pairs.summary.high, row.pairs.summary.sd),
            *(row.pairs.n, row.pairs.summary.failed, row.pairs.p_t, row.p_holm, row.finding, row.reason),
        )
        for row in rows
    ]
    return pd.DataFrame(table, columns=COLUMNS)


def effects(rows: list[MeasuredSwitch], study: StudySettings, version: str, weights: str) -> dict[str, Effect]:
    """Measured effects for the ledger.

    Args:
        rows: measured switches.
        study: the study that measured them.
        version: version of results and report code.
        weights: the weights that were scored.

    Returns:
        Switch -> effect, without switches that have no pair of finished runs.
    """
    measured: dict[str, Effect] = {}
    for switch in dict.fromkeys(row.switch for row in rows):
        mine = {row.metric: row for row in rows if row.switch == switch}
        if any(row.pairs.n == 0 for row in mine.values()):
            continue
        one = next(iter(mine.values()))
        measured[switch] = Effect(
            status="measured",
            study=study.name,
            version=version,
            weights=weights,
            seeds=one.pairs.seeds,
            failed=one.pairs.summary.failed,
            confidence=study.verdict.confidence,
            mAP=_difference(mine["mAP"].pairs),
            NDS=_difference(mine["NDS"].pairs),
            finding=", ".join(f"{metric} {row.finding}" for metric, row in mine.items()),
        )
    return measured


def _difference(pairs: PairedComparison) -> MeasuredDifference:
    summary = pairs.summary
    if pairs.n < 2:
        return MeasuredDifference(mean=round(summary.mean, 3))
    return MeasuredDifference(mean=round(summary.mean, 3), low=round(summary.low, 3), high=round(summary.high, 3))
