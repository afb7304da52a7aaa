"""The questions of one claim about one unit, judged as a family, with reservations where something is not proven."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from labeldistill.claims.claims import Claim
from labeldistill.claims.comparability import Comparability, comparability
from labeldistill.claims.evidence import Evidence
from labeldistill.claims.noise import PublishedNoise, granted_noise
from labeldistill.config.metrics import METRICS, Metric
from labeldistill.config.study import StudySettings
from labeldistill.config.verdict import VerdictSettings
from labeldistill.statistics.claim_family import Asked, judge_family
from labeldistill.statistics.equivalence import Judgement, Levels, Verdict, decided
from labeldistill.statistics.estimate import Estimate
from labeldistill.statistics.prediction import one_of_ours
from labeldistill.statistics.sensitivity import failure_words, outlying, sign_p
from labeldistill.statistics.summary import summarise


@dataclass(frozen=True)
class Question:
    """One metric of one claim and our values; `published` and `values` are in the units of records.

    Attributes:
        estimate: of the values' mean in the claim's unit, if the seeds were trained under several teachers.
    """

    unit: str
    claim: Claim
    metric: Metric
    published: float
    values: Mapping[int, float]
    gain: bool = False
    estimate: Estimate | None = None

    @property
    def name(self) -> str:
        """Name of the metric in tables."""
        return f"gain in {self.metric}" if self.gain else self.metric

    @property
    def factor(self) -> float:
        """Factor from the unit of records to that of claims."""
        return METRICS[self.metric].scale

    @property
    def words(self) -> str:
        """Name of the unit of claims."""
        return METRICS[self.metric].unit

    @property
    def scaled(self) -> dict[int, float]:
        """The values in the unit of claims."""
        return {seed: value * self.factor for seed, value in self.values.items()}


def judgements(study: StudySettings, asked: Sequence[Question], evidence: Evidence, weights: str) -> list[Judgement]:
    """One judgement per question of a claim, in order; each kind of false verdict keeps its error rate over all.

    Args:
        study: the study that was run.
        asked: every metric of one claim about one unit.
        evidence: facts about the study's data and runs.
        weights: the weights that were scored.
    """
    first = asked[0]
    found = comparability(study, first.unit, first.claim, evidence, weights)
    if found.refused:
        return [_refused(question, found) for question in asked]
    rules = study.verdict
    noise = [granted_noise(q.claim, q.metric, rules.published_sd, gain=q.gain) for q in asked]
    family = [_in_family(question, rules, known.sd) for question, known in zip(asked, noise, strict=True)]
    tries = [*study.claims.values()].count(first.claim.id)  # a claim beside two units has two chances to be met
    level = rules.alpha / tries
    judged = judge_family(family, Levels(level, level))
    shared = [f"one of {tries} units beside this claim, which share its error rate"] if tries > 1 else []
    return [
        _held_back(alone, found, _about_runs(question, alone, evidence), shared + _notes(question, known, alone, rules))
        for question, known, alone in zip(asked, noise, judged, strict=True)
    ]


def _refused(question: Question, found: Comparability) -> Judgement:
    mean = summarise(list(question.values.values())).mean
    difference = (mean - question.published) * question.factor
    return Judgement(Verdict.NOT_COMPARABLE, "; ".join(found.refused), difference)


def _in_family(question: Question, rules: VerdictSettings, noise: float) -> Asked:
    return Asked(
        question.estimate or list(question.scaled.values()),
        question.published * question.factor,
        rules.margins.get(question.metric),
        noise,
        higher_is_better=METRICS[question.metric].higher_is_better,
        unit=question.words,
    )


def _notes(question: Question, noise: PublishedNoise, judgement: Judgement, rules: VerdictSettings) -> list[str]:
    """Origin of the claim's noise, whether its run could be one of ours, and what holds without normal noise."""
    values, published = list(question.scaled.values()), question.published * question.factor
    notes = [f"its sd is that of {noise.source}"]
    if not question.gain:
        notes.append(one_of_ours(values, published, alpha=rules.alpha, unit=question.words).reason)
    p = sign_p(values, published, rules.margins.get(question.metric), judgement.verdict)
    if p == p:
        rests = "" if p <= rules.alpha else ", so it rests on normal noise"
        notes.append(f"without normal noise (exact sign test) p = {p:.2g}{rests}")
    if (far := outlying(question.scaled)) is not None:
        notes.append(f"seed {far.seed} stands apart from the others ({far.value:.4g}, Grubbs p = {far.p:.2g})")
    return notes


def _held_back(judgement: Judgement, found: Comparability, about_runs: list[str], notes: list[str]) -> Judgement:
    """The judgement preceded by reservations; with any, a settled verdict becomes INCONCLUSIVE."""
    against = [*found.unproven, *about_runs]
    words = "; ".join((*against, judgement.reason, *notes, *found.notes))
    if against and decided(judgement):
        return replace(judgement, verdict=Verdict.INCONCLUSIVE, reason=words)
    return replace(judgement, reason=words)


def _about_runs(question: Question, judgement: Judgement, evidence: Evidence) -> list[str]:
    """What the runs leave open: some failed, or the looks of a sequential study are not finished."""
    found: list[str] = []
    summary = summarise(list(question.values.values()))
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
