"""The paper's conclusions as directional hypotheses, and the variants of a study that they concern."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from labeldistill.claims.claims import claims_file, claims_tree
from labeldistill.config.base import Name
from labeldistill.config.metrics import HEADLINE, Metric
from labeldistill.config.runs import with_overrides
from labeldistill.config.study import StudySettings
from labeldistill.errors import InputError


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Role(_Entry):
    """The properties of a variant in a hypothesis: its terms, never its name."""

    terms: frozenset[str]
    divided: bool | None = None
    """Whether features are partitioned into label, LiDAR and free group; None if no features are distilled."""


class Hypothesis(_Entry):
    """A conclusion of the paper: one variant is better than another, in each of `metrics`."""

    id: Name
    what: str
    better: str
    worse: str
    metrics: tuple[Metric, ...] = HEADLINE
    source: str
    confidence: Literal["primary", "quoted", "secondary", "inferred"]
    context: str | None = None
    """Id of the claim with a number for it, which is shown beside the measured gain but not judged here."""


class Hypotheses(_Entry):
    """All hypotheses and their roles."""

    roles: dict[Name, Role]
    hypotheses: tuple[Hypothesis, ...]

    @model_validator(mode="after")
    def _whole(self) -> "Hypotheses":
        ids = [entry.id for entry in self.hypotheses]
        if len(set(ids)) != len(ids):
            raise ValueError(f"the id `{next(i for i in ids if ids.count(i) > 1)}` appears twice")
        for entry in self.hypotheses:
            if unknown := {entry.better, entry.worse} - set(self.roles):
                raise ValueError(f"hypothesis `{entry.id}` speaks of `{sorted(unknown)[0]}`, which is not a role")
            if entry.better == entry.worse:
                raise ValueError(f"hypothesis `{entry.id}` sets `{entry.better}` against itself")
        return self


def load_hypotheses(file: Path | None = None) -> Hypotheses:
    """The hypotheses in the folder of the claims.

    Raises:
        InputError: no such file, an entry that is missing or unknown, or a context that names no claim.
    """
    file = file or claims_file()
    tree = claims_tree(file)
    try:
        found = Hypotheses.model_validate({name: tree.get(name) for name in ("roles", "hypotheses")})
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"])) or "hypotheses"
        raise InputError(problem["msg"].removeprefix("Value error, "), file=file, key=key) from error
    ids = {claim.get("id") for claim in tree["claims"]}
    for entry in found.hypotheses:
        if entry.context is not None and entry.context not in ids:
            raise InputError(f"no claim `{entry.context}`", file=file, key=f"hypotheses.{entry.id}.context")
    return found


def variant_in_role(study: StudySettings, name: str, role: Role) -> tuple[str | None, str]:
    """The variant of a study that a role means, or None and the reason why there is none.

    If several fit, the one with the role's name is used, else the study's baseline.
    """
    fitting = [variant for variant in study.variants if _fits(study, variant, role)]
    for preferred in (name, study.baseline):
        if preferred in fitting:
            return preferred, ""
    if len(fitting) == 1:
        return fitting[0], ""
    if fitting:
        return None, f"{', '.join(fitting)} could each be `{name}`"
    divided = {True: ", features partitioned", False: ", features not partitioned", None: ""}[role.divided]
    return None, f"no variant is `{name}` (terms {', '.join(sorted(role.terms))}{divided})"


def _fits(study: StudySettings, variant: str, role: Role) -> bool:
    seen = with_overrides(study, variant)
    terms = {term for term, weight in seen.variants[variant].terms.items() if weight}
    if terms != role.terms:
        return False
    shares = seen.distillation.partition
    divided = not (shares["label"] == shares["lidar"] == 1)
    return role.divided in (None, divided)


def other_differences(study: StudySettings, better: str, worse: str) -> list[str]:
    """Settings besides terms and partition in which two variants differ; with any, nothing follows about the terms."""
    seen = [with_overrides(study, variant) for variant in (better, worse)]
    trees = [one.model_dump(mode="json") for one in seen]
    for tree in trees:
        tree.pop("variants")
        tree["distillation"].pop("partition")
    ours, theirs = (one.variants[variant].terms for one, variant in zip(seen, (better, worse), strict=True))
    weights = [f"weight of {term}" for term in ours if term in theirs and ours[term] != theirs[term]]
    return [*_differing(trees[0], trees[1]), *weights]


def _differing(ours: Any, theirs: Any, path: str = "") -> list[str]:
    if not isinstance(ours, dict) or not isinstance(theirs, dict):
        return [] if ours == theirs else [path]
    names = dict.fromkeys([*ours, *theirs])
    found = [_differing(ours.get(n), theirs.get(n), f"{path}.{n}".removeprefix(".")) for n in names]
    return [name for part in found for name in part]
