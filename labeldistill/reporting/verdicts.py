"""Claims beside a study's numbers, each with one verdict and its reason in words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from labeldistill.claims.claims import METRICS, POINTS, Claim
from labeldistill.claims.comparability import Comparability, comparability
from labeldistill.claims.evidence import Evidence
from labeldistill.claims.margins import check_margins
from labeldistill.claims.references import STAGES
from labeldistill.config.study import StudySettings
from labeldistill.config.verdict import Metric, VerdictSettings
from labeldistill.errors import InputError
from labeldistill.reporting.study_tables import HIGHER_IS_BETTER, UNITS, StudyTables
from labeldistill.statistics.equivalence import Judgement, Levels, Verdict, decided, judge
from labeldistill.statistics.sensitivity import failure_words, outlying, sign_p
from labeldistill.statistics.summary import Summary, summarise
from labeldistill.study.apart import APART, label


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


@dataclass(frozen=True)
class _Question:
    """One metric of one claim, and the values that it is asked of; `published` and `values` as records hold them."""

    unit: str
    claim: Claim
    metric: Metric
    published: float
    values: Mapping[int, float]
    gain: bool = False

    @property
    def name(self) -> str:
        """Of the metric, as tables call it."""
        return f"gain in {self.metric}" if self.gain else self.metric


def claim_rows(
    study: StudySettings, tables: StudyTables, claims: dict[str, Claim], evidence: Evidence | None = None
) -> list[ClaimRow]:
    """Every claim that the study names, metric by metric; a claimed gain is held against the paired differences.

    mAP and NDS always; an error only where the study declares a margin for it.

    Args:
        study: what was run.
        tables: of its scores.
        claims: by id.
        evidence: what lies beside the scores; without it nothing is proven.

    Raises:
        InputError: the study names a claim or a unit that there is none of, or a gain for the baseline itself; a margin
            wider than any published difference.
    """
    check_margins(study, claims)
    found = [
        _row(study, question, evidence or Evidence(), tables.weights)
        for unit, claim in _claimed(study, tables, claims)
        for question in _questions(study, tables, unit, claim)
    ]
    return found


def _questions(study: StudySettings, tables: StudyTables, unit: str, claim: Claim) -> Iterator[_Question]:
    for metric in METRICS:
        published, gain = claim.value(metric), claim.delta(metric)
        if published is not None and (metric in POINTS or metric in study.verdict.margins):
            yield _Question(unit, claim, metric, published, tables.values(unit, metric))
        if gain is not None:
            yield _Question(unit, claim, metric, gain / 100, tables.deltas(unit, metric), gain=True)


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


def _row(study: StudySettings, question: _Question, evidence: Evidence, weights: str) -> ClaimRow:
    rules, metric, claim = study.verdict, question.metric, question.claim
    factor = 100.0 if metric in POINTS else 1.0
    values = list(question.values.values())
    summary = summarise(values, confidence=rules.confidence)
    found = comparability(study, question.unit, claim, evidence, weights)
    if found.refused:
        difference = (summary.mean - question.published) * factor
        judgement = Judgement(Verdict.NOT_COMPARABLE, "; ".join(found.refused), difference)
    else:
        judgement = judge(
            [value * factor for value in values],
            question.published * factor,
            margin=rules.margins.get(metric),
            published_sd=rules.published_sd.get(metric, 0.0),
            higher_is_better=metric in HIGHER_IS_BETTER,
            levels=Levels(rules.alpha, rules.alpha),
            unit="points" if metric in POINTS else UNITS[metric],
        )
        notes = _sensitivity(question, judgement, rules, factor)
        judgement = _held_back(judgement, found, _about_runs(question, judgement, summary, evidence), notes)
    return ClaimRow(question.unit, claim, question.name, question.published, summary, judgement)


def _sensitivity(question: _Question, judgement: Judgement, rules: VerdictSettings, factor: float) -> list[str]:
    """What is left of the verdict when seeds are not normal, and the run that stands apart."""
    values, metric = question.values, question.metric
    margin = rules.margins[metric] / factor if metric in rules.margins else None
    notes: list[str] = []
    p = sign_p(list(values.values()), question.published, margin, judgement.verdict)
    if p == p:
        rests = "" if p <= rules.alpha else ", so it rests on normal noise"
        notes.append(f"without normal noise (exact sign test) p = {p:.2g}{rests}")
    if (far := outlying(values)) is not None:
        notes.append(f"seed {far.seed} stands apart from the others ({far.value * factor:.4g}, Grubbs p = {far.p:.2g})")
    return notes


def _held_back(judgement: Judgement, found: Comparability, about_runs: list[str], sensitivity: list[str]) -> Judgement:
    """The judgement with what speaks against it in front; a settled one becomes INCONCLUSIVE where anything does."""
    against = [*found.unproven, *about_runs]
    words = "; ".join((*against, judgement.reason, *sensitivity, *found.notes))
    if against and decided(judgement):
        return replace(judgement, verdict=Verdict.INCONCLUSIVE, reason=words)
    return replace(judgement, reason=words)


def _about_runs(question: _Question, judgement: Judgement, summary: Summary, evidence: Evidence) -> list[str]:
    """What the runs themselves leave open: some failed, or the looks of a sequential study are not through."""
    found: list[str] = []
    if summary.failed:
        found.append(failure_words(summary.failed, summary.n + summary.failed))
    if evidence.looks is not None:
        name = f"{question.unit}: {question.metric} of claim {question.claim.id}"
        answers = [
            (int(str(answer["seeds"])), bool(answer["settled"]), str(answer["verdict"]))
            for look in evidence.looks
            for answer in look["questions"]  # type: ignore[attr-defined]
            if answer["question"] == name
        ]
        settled = [verdict for seeds, is_settled, verdict in answers if is_settled and seeds <= len(question.values)]
        if not settled or settled[-1] != str(judgement.verdict):
            found.append(f"the sequential plan has looked {len(evidence.looks)} times and says undecided")
    return found
