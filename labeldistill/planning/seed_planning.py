"""How many seeds a study needs for its verdicts, at the measured or assumed spread; the state of its looks."""

from dataclasses import dataclass
from math import isfinite

from labeldistill.claims.claims import Claim, known_spreads, load_claims
from labeldistill.claims.noise import granted_noise
from labeldistill.config.metrics import HEADLINE, Metric
from labeldistill.config.study import StudySettings
from labeldistill.errors import InputError
from labeldistill.planning.workload import scores_so_far
from labeldistill.statistics.equivalence import margin_is_hopeless
from labeldistill.statistics.power import Spread, joint_equivalence_power, seeds_for_claim, seeds_for_difference
from labeldistill.statistics.sequential import SequentialDecision, looks_at, sequential_decision, sequential_design
from labeldistill.statistics.summary import paired_differences, sd_interval, summarise
from labeldistill.study.plan import StudyPlan


@dataclass(frozen=True)
class SeedNeed:
    """Seeds needed for one metric at one spread, in points.

    Attributes:
        basis: origin of the spread. sd: standard deviation between seeds. margin: declared margin.
        sd_low, sd_high: bounds of the 95 % interval of the true sd from n runs; None if assumed.
        equivalence: seeds with which every metric of a claim is REPRODUCED, after Holm, with the desired power; the
            other metrics have the spread of the same origin. None if no number suffices.
        power_now: probability of that with the study's seeds if there is no true difference.
        published_sd: noise of the published value.
        difference: pairs needed to find a difference as large as the margin, if `sd` is that of the differences, after
            Holm over all comparisons with the baseline.
    """

    metric: str
    basis: str
    sd: float
    margin: float
    equivalence: int | None
    power_now: float
    difference: int | None
    sd_low: float | None = None
    sd_high: float | None = None
    published_sd: float = 0.0


KnownSpread = tuple[str, float, int | None]
"""Origin of a spread, the sd in points, and the runs behind it if they give an interval of the sd."""


def seed_needs(plan: StudyPlan, *, margin: float | None = None, weights: str = "ema") -> list[SeedNeed]:
    """Needs of mAP and NDS at every measured spread, or else at the assumed spread and those that others measured.

    Args:
        plan: plan of the study.
        margin: margin in points, replacing the declared ones.
        weights: weights whose scores are used.
    """
    margins = {metric: margin or plan.study.verdict.margins.get(metric) for metric in HEADLINE}
    spreads = {metric: _spreads(plan, metric, weights) for metric, wanted in margins.items() if wanted is not None}
    noise = {metric: _widest_noise(plan.study, metric) for metric in spreads}

    def family(basis: str, metric: str, sd: float) -> list[Spread]:
        """The metric first, then the others of a claim at the spread of the same origin, or else at their first."""
        others = {
            other: next((sd for name, sd, _ in there if name == basis), there[0][1])
            for other, there in spreads.items()
            if other != metric and there
        }
        return [Spread(sd, margins[m] or 0.0, noise[m]) for m, sd in ({metric: sd} | others).items()]

    return [
        _need(plan.study, metric, basis, family(basis, metric, sd), runs)
        for metric, there in spreads.items()
        for basis, sd, runs in there
    ]


def _spreads(plan: StudyPlan, metric: Metric, weights: str) -> list[KnownSpread]:
    """The measured spreads, or else the assumed one and those that others measured."""
    scores = {variant: scores_so_far(plan, variant, metric, weights) for variant in plan.study.variants}
    found: list[KnownSpread] = []
    for variant, values in scores.items():
        runs = summarise(list(values.values()))
        if runs.n > 1 and runs.sd > 0:
            found.append((f"measured, {variant}, {runs.n} seeds", 100 * runs.sd, runs.n))
        pairs = summarise(list(paired_differences(values, scores[plan.study.baseline]).values()))
        if variant != plan.study.baseline and pairs.n > 1 and pairs.sd > 0:
            found.append((f"measured, {variant} less {plan.study.baseline}, {pairs.n} pairs", 100 * pairs.sd, pairs.n))
    if found:
        return found
    assumed = plan.study.verdict.assumed_sd.get(metric)
    theirs = [(f"seen by others: {what}, {n} runs", sd, n) for what, n, sd in known_spreads(metric)]
    return [*([("assumed", assumed, None)] if assumed else []), *theirs]


def _need(study: StudySettings, metric: Metric, basis: str, family: list[Spread], runs: int | None) -> SeedNeed:
    verdict, own = study.verdict, family[0]
    comparisons = max(1, (len(study.variants) - 1) * len(HEADLINE))
    equivalence = seeds_for_claim(family, power=verdict.power, alpha=verdict.alpha)
    hopeless = margin_is_hopeless(own.margin, own.published_sd, verdict.alpha)
    now = 0.0 if hopeless else joint_equivalence_power(len(study.seeds), family, alpha=verdict.alpha)
    # Holm's first step: what a difference needs to be found whatever the other comparisons show
    alpha = verdict.alpha / comparisons
    difference = seeds_for_difference(own.sd, own.margin, power=verdict.power, alpha=alpha)
    low, high = sd_interval(own.sd, runs) if runs else (None, None)
    return SeedNeed(
        metric, basis, own.sd, own.margin, equivalence, now, difference, low, high, published_sd=own.published_sd
    )


def _widest_noise(study: StudySettings, metric: Metric) -> float:
    """The largest noise among the published values that the study is compared with; 0 without a claim."""
    claims = load_claims() if study.claims else {}
    named = [
        claims[name] for name in study.claims.values() if name in claims and claims[name].value(metric) is not None
    ]
    return max((granted_noise(claim, metric, study.verdict.published_sd).sd for claim in named), default=0.0)


@dataclass(frozen=True)
class Standing:
    """The state of one question of a sequential study."""

    question: str
    decision: SequentialDecision


def standings(
    plan: StudyPlan,
    claims: dict[str, Claim],
    comparable: dict[str, bool],
    weights: str = "ema",
    seeds: int | None = None,
) -> list[Standing]:
    """Every question of a study at its looks: comparable claims, and each variant against the baseline.

    The comparisons with the baseline share alpha evenly (Bonferroni), and each has its own looks.

    Args:
        plan: plan of the study; looks follow the order of its seeds.
        claims: claims by id.
        comparable: variant -> whether a verdict can be given on its claim.
        weights: weights whose scores are used.
        seeds: use at most this many of the first seeds.

    Raises:
        InputError: every seed is trained under several teachers; looks at seeds cannot account for their spread.
    """
    study, verdict = plan.study, plan.study.verdict
    if study.teachers not in (1, "per-seed"):
        raise InputError("looks are at seeds; a sequential study has one teacher, or `per-seed`", key="teachers")
    looks = looks_at(len(study.seeds), verdict.seeds_per_look)
    scores = {(v, m): _in_order(plan, v, m, weights)[:seeds] for v in study.variants for m in HEADLINE}
    found: list[Standing] = []
    for variant, claim_id in study.claims.items():
        for metric in HEADLINE:
            published = claims[claim_id].value(metric)
            if not comparable.get(variant) or published is None or variant not in study.variants:
                continue
            decision = sequential_decision(
                scores[variant, metric],
                sequential_design(looks, verdict.alpha),
                published=100 * published,
                margin=verdict.margins.get(metric),
                published_sd=granted_noise(claims[claim_id], metric, verdict.published_sd).sd,
            )
            found.append(Standing(f"{variant}: {metric} of claim {claim_id}", decision))
    others = [variant for variant in study.variants if variant != study.baseline]
    for variant in others:
        for metric in HEADLINE:
            pairs = zip(scores[variant, metric], scores[study.baseline, metric], strict=False)
            design = sequential_design(looks, verdict.alpha / (len(others) * len(HEADLINE)))
            decision = sequential_decision([x - y for x, y in pairs], design)
            found.append(Standing(f"{variant} against {study.baseline}: {metric}", decision))
    return found


def _in_order(plan: StudyPlan, variant: str, metric: str, weights: str) -> list[float]:
    """Values in points of the seeds scored so far, in the study's order up to the first missing one."""
    scores = scores_so_far(plan, variant, metric, weights)
    values: list[float] = []
    for seed in plan.study.seeds:
        if seed not in scores:
            break
        values.append(100 * scores[seed] if isfinite(scores[seed]) else float("nan"))
    return values
