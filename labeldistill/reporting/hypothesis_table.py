"""The paper's conclusions for a study: one row per hypothesis and metric, tested on runs of the same seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from labeldistill.claims.claims import Claim
from labeldistill.claims.evidence import Evidence
from labeldistill.claims.hypotheses import Hypotheses, Hypothesis, other_differences, variant_in_role
from labeldistill.config.study import StudySettings
from labeldistill.reporting.differences import difference
from labeldistill.reporting.scope import scope
from labeldistill.reporting.scored_runs import ScoredRun
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.statistics.directional import Direction, Tested, judge_directions
from labeldistill.statistics.estimate import Estimate
from labeldistill.statistics.holm import FEWEST_PAIRS
from labeldistill.statistics.paired import sign_flip
from labeldistill.statistics.sensitivity import failure_words
from labeldistill.statistics.summary import paired_differences

COLUMNS = (
    *("hypothesis", "what", "confidence", "source", "better", "worse", "metric", "difference", "low", "high", "n"),
    *("failed", "p_supported", "p_contradicted", "p_signs", "verdict", "published_gain", "reason"),
)
"""Columns of `hypothesis_table`; differences in points, better minus worse."""


@dataclass(frozen=True)
class HypothesisRow:
    """One hypothesis in one metric of one study.

    Attributes:
        better, worse: the variants it is about here; None where the study has none.
        tested: differences in points; None where nothing could be tested.
        p_signs: one-sided exact sign-flip p of the same pairs, which rests on no normal noise.
        published: the claimed gain in points, context only.
        reason: in words, with the data and the teacher it holds for.
        against: what keeps anything from being shown, in words; empty where nothing does.
    """

    hypothesis: Hypothesis
    metric: str
    better: str | None
    worse: str | None
    tested: Tested | None
    p_signs: float
    published: float | None
    reason: str
    against: str = ""

    @property
    def verdict(self) -> Direction:
        """SUPPORTED, CONTRADICTED or NOT SHOWN."""
        return self.tested.verdict if self.tested and not self.against else Direction.NOT_SHOWN


@dataclass(frozen=True)
class _Question:
    hypothesis: Hypothesis
    metric: str
    better: str | None
    worse: str | None
    why_not: str


def hypothesis_rows(
    study: StudySettings,
    tables: StudyTables,
    runs: Sequence[ScoredRun],
    known: Hypotheses,
    claims: Mapping[str, Claim],
    evidence: Evidence,
) -> list[HypothesisRow]:
    """Rows of all hypotheses; those that can be tested, in both metrics, are one family with error rate alpha.

    Args:
        study: whose variants are asked about. tables: its scores.
        runs: as scored, with their draws of scenes; empty: the interval is over seeds alone.
        known: the hypotheses. claims: by id, for the published gains beside them.
        evidence: facts about the study's data and runs; the default one proves nothing, so nothing is shown.
    """
    questions = [_question(study, known, entry, metric) for entry in known.hypotheses for metric in entry.metrics]
    asked = [question for question in questions if not question.why_not]
    found = [difference(tables, runs, str(q.better), str(q.worse), q.metric, factor=100.0) for q in asked]
    tested = dict(zip(map(id, asked), judge_directions(found, study.verdict.alpha), strict=True))
    rows = [_row(study, tables, question, tested.get(id(question)), claims) for question in questions]
    return [_held_back(row, tables, study, evidence) for row in rows]


def _held_back(row: HypothesisRow, tables: StudyTables, study: StudySettings, evidence: Evidence) -> HypothesisRow:
    """The row with what speaks against it in front: seeds chosen or lost after a look show nothing."""
    if row.tested is None:
        return row
    asked = [str(row.better), str(row.worse)]
    against = evidence.reservations(asked, study.seeds)
    for unit in asked:
        found = tables.summary(unit, row.metric)
        if found.failed:
            against.append(f"{unit}: {failure_words(found.failed, found.n + found.failed)}")
    words = "; ".join(against)
    return replace(row, against=words, reason=f"{words}; {row.reason}" if words else row.reason)


def _question(study: StudySettings, known: Hypotheses, entry: Hypothesis, metric: str) -> _Question:
    better, no_better = variant_in_role(study, entry.better, known.roles[entry.better])
    worse, no_worse = variant_in_role(study, entry.worse, known.roles[entry.worse])
    why_not = no_better or no_worse
    if better and worse and (others := other_differences(study, better, worse)):
        why_not = f"{better} and {worse} differ in more than their terms: {', '.join(others)}"
    return _Question(entry, metric, better, worse, why_not)


def _row(
    study: StudySettings, tables: StudyTables, asked: _Question, tested: Tested | None, claims: Mapping[str, Claim]
) -> HypothesisRow:
    entry, metric = asked.hypothesis, asked.metric
    claim = claims[entry.context] if entry.context else None
    published = claim.delta(metric) if claim else None
    context = "" if published is None or claim is None else f"; {_context(published, claim)}"
    about = (entry, metric, asked.better, asked.worse)
    if tested is None:
        return HypothesisRow(*about, None, np.nan, published, f"not tested: {asked.why_not}{context}")
    pairs = paired_differences(tables.values(str(asked.better), metric), tables.values(str(asked.worse), metric))
    signs = sign_flip([value for value in pairs.values() if np.isfinite(value)], alternative="greater").p
    words = f"{scope(study, str(asked.better), str(asked.worse))}: {_words(tested)}{context}"
    return HypothesisRow(*about, tested, signs, published, words)


def _words(tested: Tested) -> str:
    found = tested.difference
    if found.n < FEWEST_PAIRS:
        return f"{found.n} pair{'' if found.n == 1 else 's'}: too few to tell a difference from the seeds' noise"
    if np.isnan(tested.p_supported):
        return f"all {found.n} pairs differ by the same amount: without spread there is no test"
    p = tested.p_contradicted if tested.verdict is Direction.CONTRADICTED else tested.p_supported
    shown = {
        Direction.SUPPORTED: "a gain is shown",
        Direction.CONTRADICTED: "a loss is shown",
        Direction.NOT_SHOWN: "neither a gain nor a loss is shown",
    }[tested.verdict]
    return f"{shown}; one-sided t over {found.basis}, {found.n} pairs, p = {p:.2g} after Holm over {tested.family}"


def _context(published: float, claim: Claim) -> str:
    why = f"on {claim.split}" if claim.split else "on a split that is not said"
    note = f" {claim.note}" if claim.note else ""
    return f"the published gain of {published:+g} is context and no verdict: {claim.confidence}, {why}.{note}"


def hypothesis_table(rows: Sequence[HypothesisRow], confidence: float = 0.95) -> pd.DataFrame:
    """The rows as a table (columns: COLUMNS)."""
    return pd.DataFrame([_cells(row, confidence) for row in rows], columns=list(COLUMNS))


def _cells(row: HypothesisRow, confidence: float) -> tuple[object, ...]:
    entry, nothing = row.hypothesis, Estimate(np.nan, np.nan, np.nan, 0)
    found = row.tested.difference if row.tested else nothing
    chances = (row.tested.p_supported, row.tested.p_contradicted) if row.tested else (np.nan, np.nan)
    return (
        *(entry.id, entry.what, entry.confidence, entry.source, row.better or "", row.worse or "", row.metric),
        *(found.mean, *found.interval(confidence), found.n, found.failed),
        *(*chances, row.p_signs, str(row.verdict), row.published, row.reason),
    )
