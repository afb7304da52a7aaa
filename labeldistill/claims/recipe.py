"""Where each setting of a full-size run stands in the released code: `workflow/claims/recipe`, for a study."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from labeldistill.claims.claims import claims_file
from labeldistill.claims.differences import flat, runs_of
from labeldistill.config.methods import STAGES, Stage
from labeldistill.config.study import RunSettings, StudySettings
from labeldistill.config.yaml_file import read_yaml
from labeldistill.errors import InputError

NAME = "recipe"
Kind = Literal["released", "assumed", "differs", "own", "NO SOURCE", "DIFFERS UNEXPLAINED"]
GAPS: tuple[Kind, ...] = ("NO SOURCE", "DIFFERS UNEXPLAINED")


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Row(_Entry):
    """Settings with one source, or assumed for one reason (see the head of `settings.yaml`)."""

    source: str = ""
    assumed: str = ""
    stages: tuple[Stage, ...] = tuple(STAGES)
    studies: tuple[str, ...] = ("*",)
    released: dict[str, Any] = {}
    keys: tuple[str, ...] = ()
    differs: dict[str, str] = {}

    @model_validator(mode="after")
    def _one_kind(self) -> "Row":
        if bool(self.source) == bool(self.assumed):
            raise ValueError("a row has a `source` or is `assumed`, not both")
        if bool(self.source) != bool(self.released) or bool(self.assumed) != bool(self.keys):
            raise ValueError("a `source` needs values under `released`, what is `assumed` needs `keys`")
        if unknown := set(self.differs) - set(self.released):
            raise ValueError(f"`differs` names {sorted(unknown)[0]}, which the row does not hold")
        return self

    def fits(self, study: str, stage: Stage, key: str) -> bool:
        """Whether the row is about a setting of a stage of a study."""
        named = key in self.released or key in self.keys
        return named and stage in self.stages and any(fnmatch(study, pattern) for pattern in self.studies)


class Implicit(_Entry):
    """What the release does without a setting of that name, and what is done here."""

    what: str
    source: str
    released: str
    here: str


class Recipe(_Entry):
    """All files of the folder together."""

    files: dict[str, str]
    own: dict[str, str]
    settings: tuple[Row, ...]
    implicit: tuple[Implicit, ...]

    def row(self, study: str, stage: Stage, key: str) -> Row | None:
        """The last row about a setting."""
        return next((row for row in reversed(self.settings) if row.fits(study, stage, key)), None)


@dataclass(frozen=True)
class Answer:
    """Where one resolved setting comes from.

    Attributes:
        unit: teacher, label-encoder or variant.
        stage: of the run.
        key: dotted.
        here: value in the study. there: in the release; None where it is not known.
        kind: what is known of it.
        words: source, or why it is assumed or differs.
    """

    unit: str
    stage: Stage
    key: str
    here: Any
    there: Any
    kind: Kind
    words: str


def load_recipe(folder: Path | None = None) -> Recipe:
    """Read the folder: each part of the recipe stands in one of its files.

    Raises:
        InputError: no such folder, a part that stands in two files, or a wrong entry.
    """
    folder = folder or claims_file().with_name(NAME)
    parts: dict[str, Any] = {}
    files: dict[str, Path] = {}
    for file in sorted(folder.glob("*.yaml")):
        for part, content in read_yaml(file).items():
            if part in parts:
                raise InputError(f"stands in {files[part].name} too", file=file, key=part)
            parts[part], files[part] = content, file
    try:
        return Recipe.model_validate(parts)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"])) or None
        file = files.get(str(problem["loc"][0]), folder) if problem["loc"] else folder
        raise InputError(problem["msg"].removeprefix("Value error, "), file=file, key=key) from error


def recipe_of(study: StudySettings, unit: str, recipe: Recipe) -> list[Answer]:
    """Every setting of a unit's run and of the runs that it learns from.

    Raises:
        InputError: an unknown unit, or settings of a variant that contradict each other.
    """
    return [
        _answer(study, unit, run, key, value, recipe)
        for run in runs_of(study, unit).values()
        for key, value in _said(run)
    ]


def _said(run: RunSettings) -> Iterator[tuple[str, Any]]:
    """Keys and values of a run; parts that it does not have are no settings of it."""
    tree = run.model_dump(mode="json")
    return ((key, value) for key, value in flat(tree) if not (key in tree and value in (None, {})))


def _answer(study: StudySettings, unit: str, run: RunSettings, key: str, here: Any, recipe: Recipe) -> Answer:
    row = recipe.row(study.name, run.stage, key)
    there = row.released.get(key) if row is not None else None

    def answer(kind: Kind, words: str) -> Answer:
        return Answer(unit, run.stage, key, here, there, kind, words)

    if key in recipe.own:
        return answer("own", recipe.own[key])
    if why := _assumed(study, unit, run.stage, key):
        return answer("assumed", why)
    if row is None:
        return answer("NO SOURCE", "")
    if row.assumed:
        return answer("assumed", row.assumed)
    if here == there:
        return answer("released", row.source)
    if key in row.differs:
        return answer("differs", f"{row.differs[key]} ({row.source})")
    return answer("DIFFERS UNEXPLAINED", row.source)


def _assumed(study: StudySettings, unit: str, stage: Stage, key: str) -> str:
    """What the study itself says of a setting that it assumes; empty if nothing."""
    name = key.replace("training.", f"{STAGES[stage].training}.", 1) if key.startswith("training.") else key
    for assumed, why in study.assumed.items():
        if name == assumed or name.startswith(f"{assumed}."):
            return why
        if assumed.split(".")[:2] == ["variants", unit] and _is_of_variant(study, unit, stage, name):
            return why
    return ""


def _is_of_variant(study: StudySettings, unit: str, stage: Stage, name: str) -> bool:
    """Whether a setting is what makes the variant: its terms, or what it overrides."""
    overrides = study.variants[unit].overrides
    own = stage == "student" and name.startswith("terms.")
    return own or any(name == key or name.startswith(f"{key}.") for key in overrides)
