"""The answers that a report begins with: one sentence per claim, hypothesis and variant, with verdict and reason."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from labeldistill.claims.claims import load_claims
from labeldistill.claims.evidence import Evidence
from labeldistill.claims.hypotheses import load_hypotheses
from labeldistill.config.metrics import HEADLINE, METRICS
from labeldistill.config.study import StudySettings
from labeldistill.reporting.hypothesis_table import HypothesisRow, hypothesis_rows
from labeldistill.reporting.pairs import PairRow, pair_rows
from labeldistill.reporting.scored_runs import ScoredRun
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.reporting.verdicts import ClaimRow, claim_rows
from labeldistill.reporting.words import seeds_words
from labeldistill.statistics.holm import Finding

MOST_VARIANTS = 8
"""A study of more variants tells only of those with a difference, and of the others in one sentence."""

Row = TypeVar("Row")


@dataclass(frozen=True)
class Answer:
    """One sentence on a page.

    Attributes:
        verdicts: word -> the metrics it is said of; no metrics where all have the same word.
        subject: what is answered. sentence: with interval and n.
        reasons: why, each once. units: whose runs stand behind it.
    """

    verdicts: Mapping[str, tuple[str, ...]]
    subject: str
    sentence: str
    reasons: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True)
class Answers:
    """What a study says of published values, of the paper's conclusions, and of its variants."""

    claims: list[Answer] = field(default_factory=list)
    hypotheses: list[Answer] = field(default_factory=list)
    variants: list[Answer] = field(default_factory=list)


def study_answers(
    study: StudySettings, tables: StudyTables, scored: Sequence[ScoredRun], evidence: Evidence
) -> Answers:
    """Everything that a study says, in sentences.

    Args:
        study: what was run. tables: of its scores. scored: every run as it was scored.
        evidence: what lies beside the scores.

    Raises:
        InputError: a claim or hypothesis that can't be read.
    """
    confidence, claims = study.verdict.confidence, load_claims()
    return Answers(
        claim_answers(claim_rows(study, tables, claims, evidence)),
        hypothesis_answers(hypothesis_rows(study, tables, scored, load_hypotheses(), claims, evidence), confidence),
        variant_answers(pair_rows(tables, study, scored, confidence=confidence, evidence=evidence), study.baseline),
    )


def _grouped(rows: Iterable[Row], key: Any) -> list[list[Row]]:
    groups: dict[Hashable, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return list(groups.values())


def _once(words: Iterable[object]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(word) for word in words if str(word)))


def _verdicts(found: Iterable[tuple[str, object]]) -> dict[str, tuple[str, ...]]:
    """Word -> metrics, of (metric, verdict) pairs."""
    said: dict[str, tuple[str, ...]] = {}
    for metric, word in found:
        said[str(word)] = (*said.get(str(word), ()), metric)
    return said if len(said) > 1 else dict.fromkeys(said, ())


def _measure(metric: str, mean: float, low: float, high: float, sign: str = "") -> str:
    """`NDS 25.0 [23.8, 26.3]` in the claims' unit; no interval where there is none, or none with a width."""
    digits = 1 if metric in HEADLINE else 3
    middle = f"{mean:{sign}.{digits}f}"
    if low != low or low == high:
        return middle
    return f"{middle} [{low:{sign}.{digits}f}, {high:{sign}.{digits}f}]"


def claim_answers(rows: Sequence[ClaimRow]) -> list[Answer]:
    """One answer per unit and claim."""
    return [_of_claim(group) for group in _grouped(rows, lambda row: (row.variant, row.claim.id))]


def _of_claim(rows: list[ClaimRow]) -> Answer:
    first = rows[0]
    said = "; ".join(map(_beside_published, rows))
    n = seeds_words(first.n) if first.n else "no finished run"
    return Answer(
        _verdicts((row.metric, row.verdict) for row in rows),
        f"{first.variant}: {first.claim.what}",
        f"{said} ({n}).",
        _once(row.reason for row in rows),
        (first.variant,),
        f"{first.claim.confidence}; {first.claim.source}",
    )


def _beside_published(row: ClaimRow) -> str:
    metric = row.metric.removeprefix("gain in ")
    factor, found, sign = METRICS[metric].scale, row.summary, "+" if metric != row.metric else ""
    published = _measure(metric, row.published * factor, float("nan"), float("nan"), sign)
    if not row.n:
        return f"{row.metric} {published} published, nothing measured"
    ours = _measure(metric, found.mean * factor, found.low * factor, found.high * factor, sign)
    judged = row.judgement
    off = _measure(metric, judged.difference, judged.low, judged.high, "+")
    return f"{row.metric} {published} published, {ours} measured, difference {off}"


def hypothesis_answers(rows: Sequence[HypothesisRow], confidence: float) -> list[Answer]:
    """One answer per conclusion of the paper."""
    return [_of_hypothesis(group, confidence) for group in _grouped(rows, lambda row: row.hypothesis.id)]


def _of_hypothesis(rows: list[HypothesisRow], confidence: float) -> Answer:
    first = rows[0]
    here = [unit for unit in (first.better, first.worse) if unit]
    parts, pairs = [], 0
    for row in rows:
        if row.tested:
            found = row.tested.difference
            parts.append(f"{row.metric} {_measure(row.metric, found.mean, *found.interval(confidence), sign='+')}")
            pairs = max(pairs, found.n)
    said = (
        f"{' less '.join(here)}: {', '.join(parts)} points ({seeds_words(pairs, 'pair')})." if parts else "Not tested."
    )
    what, source = first.hypothesis.what, f"{first.hypothesis.confidence}; {first.hypothesis.source}"
    reasons = _once(row.reason for row in rows)
    verdicts = _verdicts((row.metric, row.verdict) for row in rows)
    return Answer(verdicts, what[:1].upper() + what[1:], said, reasons, tuple(here), source)


def variant_answers(rows: Sequence[PairRow], baseline: str) -> list[Answer]:
    """One answer per variant beside the baseline; of many variants, those with a difference and one for the rest."""
    groups = _grouped(rows, lambda row: row.variant)
    if len(groups) <= MOST_VARIANTS:
        return [_of_variant(group, baseline) for group in groups]
    differing = [g for g in groups if any(row.finding in (Finding.BETTER, Finding.WORSE) for row in g)]
    rest = [g for g in groups if g not in differing]
    widest = max((row for g in rest for row in g), key=lambda row: abs(row.pairs.summary.mean), default=None)
    found = [_of_variant(group, baseline) for group in differing]
    if widest is not None:
        said = f"The largest among them: {widest.variant}, {_beside_baseline(widest)}."
        verdicts = dict.fromkeys(_once(row.finding for g in rest for row in g), ())
        found.append(Answer(verdicts, f"{len(rest)} variants beside {baseline}", said, (), (widest.variant,)))
    return found


def _of_variant(rows: list[PairRow], baseline: str) -> Answer:
    first = rows[0]
    said = f"{', '.join(map(_beside_baseline, rows))} ({seeds_words(first.pairs.n, 'pair')})."
    verdicts, reasons = _verdicts((row.metric, row.finding) for row in rows), _once(row.reason for row in rows)
    return Answer(verdicts, f"{first.variant} beside {baseline}", said, reasons, (first.variant, baseline))


def _beside_baseline(row: PairRow) -> str:
    found = row.pairs.summary
    if not found.n:
        return f"{row.metric}: no pair"
    points = (found.mean * 100, found.low * 100, found.high * 100)
    return f"{row.metric} {_measure(row.metric, *points, sign='+')} points"
