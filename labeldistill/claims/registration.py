"""What a study declared before its scores were known: `registered.json`, written at the first score or on request.

It contains everything that a verdict depends on and that could be chosen after looking: claims, margins, error rate,
seeds, weights, variants, every setting, and the analysis. If any of it changes, a verdict is not the registered one.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from labeldistill.claims.claims import Claim, claims_file, load_claims
from labeldistill.claims.differences import flat
from labeldistill.claims.hypotheses import load_hypotheses
from labeldistill.claims.noise import published_noise
from labeldistill.claims.official import load_official
from labeldistill.claims.references import load_reference
from labeldistill.config.metrics import HEADLINE, METRICS
from labeldistill.errors import InputError
from labeldistill.files import read_json, without_nan, write_json
from labeldistill.study.plan import StudyPlan
from labeldistill.study.run_key import digest

ANALYSIS = {
    "claims": "two one-sided t tests (equivalence) and a two-sided t test over seeds, mAP and NDS of the whole split",
    "variants": "paired t tests against the baseline on shared seeds, Holm over all variants, mAP and NDS",
    "weights": "those of each claim; EMA between variants",
    "failed runs": "counted, never replaced; a claim with one is not REPRODUCED",
}

# Settings of where and how a study is executed and described, on which no verdict depends.
_NOT_DECLARED = {"description", "device", "benchmark", "name"}
_COMPARED = ("study", "official_splits", "analysis")
_WORDS = {"what", "source", "note"}
"""Parts of a claim that are only for readers."""
_DATAROOT = "study.data.dataroot"


@dataclass(frozen=True)
class Registration:
    """The state of a study's declaration.

    Attributes:
        at: when it was made; empty if there is none.
        commit: commit of the code at that time.
        changed: what differs now, in words, one entry per setting.
        scores_before: how many runs had been scored when it was made.
    """

    at: str = ""
    commit: str | None = None
    changed: tuple[str, ...] = ()
    scores_before: int = 0

    @property
    def reservation(self) -> str:
        """The reservation that a verdict has to begin with; empty if everything is as registered before any score."""
        if not self.at:
            return "NOT REGISTERED: nothing was declared before the scores"
        if self.changed:
            more = f" and {len(self.changed) - 4} more" if len(self.changed) > 4 else ""
            return f"CHANGED SINCE IT WAS REGISTERED ({self.at}): {'; '.join(self.changed[:4])}{more}"
        if self.scores_before:
            return f"REGISTERED LATE ({self.at}): {self.scores_before} runs had been scored by then"
        return ""


def declaration(plan: StudyPlan, claims: dict[str, Claim] | None = None) -> dict[str, Any]:
    """Everything that a verdict depends on, as JSON values.

    Raises:
        InputError: the study names an unknown claim.
    """
    claims = load_claims() if claims is None else claims
    study = plan.study.model_copy(update={"seeds": plan.planned_seeds})
    if unknown := [(unit, name) for unit, name in study.claims.items() if name not in claims]:
        unit, name = unknown[0]
        raise InputError(f"no claim `{name}`; known: {', '.join(claims)}", key=f"claims.{unit}")
    published = {name: _published(claims[name]) for name in sorted(set(study.claims.values()))}
    tree = study.model_dump(mode="json", exclude=_NOT_DECLARED)
    asked = {
        entry.id: f"{entry.better} > {entry.worse} in {', '.join(entry.metrics)}"
        for entry in load_hypotheses().hypotheses
    }
    analysis = {**ANALYSIS, "hypotheses": asked}
    splits = {str(name) for name in study.data.splits.values()}
    official = {name: split.model_dump() for name, split in load_official().items() if name in splits}
    asked_of = {"study": tree, "official_splits": official, "published": published, "analysis": analysis}
    found: dict[str, Any] = without_nan(asked_of)
    return found


def _published(claim: Claim) -> dict[str, Any]:
    """A claim with the noise of its values and a hash of the complete configuration behind it."""
    reference = None if claim.reference is None else digest(load_reference(claim).model_dump(mode="json"))
    noise = {metric: published_noise(claim, metric).sd for metric in HEADLINE}
    values = {metric: claim.values.get(metric) for metric in METRICS}
    gains = {f"delta_{metric}": claim.delta(metric) for metric in HEADLINE}
    rest = claim.model_dump(mode="json", exclude={"values", "gains"})
    return {**rest, **values, **gains, "noise": noise, "reference_settings": reference}


def register(plan: StudyPlan, commit: str | None) -> bool:
    """Write the declaration unless it exists; returns whether it was written.

    Args:
        plan: plan of the study.
        commit: commit of the code, as in run records.

    Raises:
        InputError: a different declaration and scores exist, or the folder can't be written.
    """
    before = scored_runs(plan)
    if plan.registered.is_file():
        if not (changed := registration_of(plan).changed):
            return False
        if before:
            raise InputError(
                f"was registered otherwise, and {before} runs are scored: {'; '.join(changed[:4])}. A declaration "
                "after the fact is none; another question is another study, under another name",
                file=plan.registered,
            )
    _write(plan, commit, before)
    return True


def register_first_score(plan: StudyPlan, commit: str | None, made: int = 0) -> None:
    """Declare what the study says now unless that was done before; `made`: number of scores that were just written."""
    if not plan.registered.is_file():
        _write(plan, commit, scored_runs(plan) - made)


def scored_runs(plan: StudyPlan) -> int:
    """Number of scored runs in the study's folder, of any seed, key and origin."""
    return sum(1 for _ in plan.folder.glob("*/seed-*/**/metrics.json"))


def _write(plan: StudyPlan, commit: str | None, scores_before: int) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    about = {"registered": now, "commit": commit, "scores_before": scores_before}
    write_json(plan.registered, {**about, **declaration(plan)})


def registration_of(plan: StudyPlan) -> Registration:
    """What was declared, and how the study differs from it now.

    Raises:
        InputError: the file is damaged, or the file of claims has numbers other than the registered ones.
    """
    if not plan.registered.is_file():
        return Registration()
    found = read_json(plan.registered)
    try:
        about, before = (str(found["registered"]), found["commit"]), int(found["scores_before"])
        registered = {key: found[key] for key in (*_COMPARED, "published")}
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"is not a registration ({error!r})", file=plan.registered) from error
    now = declaration(plan)
    _refuse_other_claims(plan, registered["published"], now["published"])
    one, other = (dict(flat({key: tree[key] for key in _COMPARED})) for tree in (registered, now))
    changed = [
        f"{key.removeprefix('study.')} was {one.get(key)}, is {other.get(key)}"
        for key in dict.fromkeys([*one, *other])
        if one.get(key) != other.get(key) and key != _DATAROOT
    ]
    return Registration(*about, tuple(changed), before)


def _refuse_other_claims(plan: StudyPlan, before: dict[str, Any], now: dict[str, Any]) -> None:
    for name in sorted(set(before) & set(now)):
        for key, value in now[name].items():
            if before[name].get(key) != value and key not in _WORDS:
                raise InputError(
                    f"was {before[name].get(key)} when the study {plan.study.name} was registered "
                    f"({plan.registered}), is {value} now: a published number does not change after the scores",
                    file=claims_file(),
                    key=f"claims.{name}.{key}",
                )
