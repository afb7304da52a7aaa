"""The deviations ledger: each oddity of the released code, its place, the tests that hold it, and its measured effect.

`workflow/claims/deviations` has one file per part of the method with one row per switch, and `kept.yaml` with one row
for everything that is not a switch. People write them, except the last line of a switch's row, `effect`: `with_effects`
replaces it by what a study measured and leaves every other line unchanged.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from labeldistill.config.load import studies_folder
from labeldistill.config.methods import Stage
from labeldistill.config.study import StudySettings
from labeldistill.config.switches import STAGES_OF_SWITCH, Switches
from labeldistill.config.yaml_file import parse_yaml
from labeldistill.errors import InputError


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MeasuredDifference(_Entry):
    """Corrected minus released, in points: mean over n paired seeds with its interval; None: too few pairs."""

    mean: float
    low: float | None = None
    high: float | None = None


class Effect(_Entry):
    """The effect of a switch: corrected minus released."""

    status: Literal["measured", "not measured yet", "not measurable on synthetic data"]
    because: str = ""
    study: str = ""
    version: str = ""
    """Version of results and report code, as in the report's path."""
    weights: str = ""
    seeds: tuple[int, ...] = ()
    failed: int = 0
    """Seeds without a value on either side."""
    confidence: float | None = None
    mAP: MeasuredDifference | None = None
    NDS: MeasuredDifference | None = None
    finding: str = ""

    @model_validator(mode="after")
    def _whole(self) -> "Effect":
        if self.status == "measured" and not (self.study and self.version and self.mAP and self.NDS):
            raise ValueError("a measured effect names `study`, `version`, `mAP` and `NDS`")
        if self.status == "not measurable on synthetic data" and not self.because:
            raise ValueError("what is not measurable needs `because`")
        return self


class Where(_Entry):
    """Files: those of the release (relative to its package, or with a leading slash to its repository) and ours."""

    released: str
    ours: tuple[str, ...]


class SwitchRow(_Entry):
    """A switch of `config.switches`."""

    id: str
    quirks: tuple[int, ...] = ()
    traps: tuple[str, ...] = ()
    released: str
    corrected: str
    default: Literal["released", "corrected"] = "released"
    stages: tuple[Stage, ...]
    where: Where
    tests: dict[Literal["released", "corrected"], tuple[str, ...]]
    effect: Effect

    @model_validator(mode="after")
    def _of_a_switch(self) -> "SwitchRow":
        if self.id not in Switches.model_fields:
            raise ValueError(f"`id` {self.id} is not a switch")
        if self.stages != STAGES_OF_SWITCH[self.id]:
            raise ValueError(f"`stages` of {self.id} are {', '.join(STAGES_OF_SWITCH[self.id])}")
        if self.default != Switches.model_fields[self.id].default:
            raise ValueError(f"`default` of {self.id} is {Switches.model_fields[self.id].default}")
        if set(self.tests) != {"released", "corrected"} or not all(self.tests.values()):
            raise ValueError(f"`tests` of {self.id} must prove both values")
        return self


class KeptRow(_Entry):
    """An oddity that is not a switch, and why there is nothing to choose."""

    id: str
    quirks: tuple[int, ...] = ()
    traps: tuple[str, ...] = ()
    what: str
    kept: Literal["as released", "same numbers", "not rebuilt", "mended"]
    because: str
    where: Where
    tests: tuple[str, ...] = ()


class Ledger(_Entry):
    """All rows of the ledger."""

    switches: tuple[SwitchRow, ...]
    kept: tuple[KeptRow, ...]

    @model_validator(mode="after")
    def _complete(self) -> "Ledger":
        ids = [*(row.id for row in self.switches), *(row.id for row in self.kept)]
        if len(set(ids)) != len(ids):
            raise ValueError(f"`id` {next(i for i in ids if ids.count(i) > 1)} appears twice")
        if missing := set(Switches.model_fields) - set(ids):
            raise ValueError(f"no row for the switch {sorted(missing)[0]}")
        return self

    def row(self, switch: str) -> SwitchRow:
        """The row of a switch."""
        return next(row for row in self.switches if row.id == switch)


Texts = dict[Path, str]
"""File of the ledger -> its text."""


def ledger_folder() -> Path:
    """Path of the ledger, beside the studies."""
    return studies_folder().parent / "claims" / "deviations"


def load_ledger(folder: Path | None = None) -> Ledger:
    """Read the ledger.

    Raises:
        InputError: no such folder, not YAML, or a row that is missing, repeated, incomplete or contradicts a switch.
    """
    return parsed(ledger_texts(folder or ledger_folder()))


def ledger_texts(folder: Path) -> Texts:
    """The texts of the ledger's files.

    Raises:
        InputError: there is none, or one can't be read.
    """
    if not (files := sorted(folder.glob("*.yaml"))):
        raise InputError("holds no file of the ledger", file=folder)
    return {file: _text(file) for file in files}


def parsed(texts: Texts) -> Ledger:
    """The ledger of these texts; see `load_ledger`."""
    rows: dict[str, list[Any]] = {"switches": [], "kept": []}
    files: dict[str, list[Path]] = {"switches": [], "kept": []}
    for file, text in texts.items():
        kind, found = _rows(text, file)
        rows[kind] += found
        files[kind] += [file] * len(found)
    try:
        return Ledger.model_validate(rows)
    except ValidationError as error:
        problem = error.errors()[0]
        kind, *place = map(str, problem["loc"]) if problem["loc"] else ("",)
        if not place:  # about the ledger as a whole
            raise InputError(problem["msg"].removeprefix("Value error, "), file=next(iter(texts)).parent) from error
        number = int(place[0])
        file, key = files[kind][number], ".".join((kind, str(rows[kind][number].get("id")), *place[1:]))
        raise InputError(problem["msg"].removeprefix("Value error, "), file=file, key=key) from error


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"can't be read ({error.strerror})", file=file) from error


def _rows(text: str, file: Path) -> tuple[str, list[dict[str, Any]]]:
    tree = parse_yaml(text, file)
    if isinstance(tree, dict) and len(tree) == 1:
        ((kind, rows),) = tree.items()
        if kind in ("switches", "kept") and isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
            return kind, rows
    raise InputError("must hold one list of rows, `switches` or `kept`", file=file)


def switch_of_variant(study: StudySettings, variant: str) -> tuple[str, str] | None:
    """The switch that a variant flips alone, and its value there; None if the variant flips none.

    Raises:
        InputError: it flips several or also changes something else, so that no single effect can be told apart.
    """
    overrides = study.variants[variant].overrides
    flipped = {k.removeprefix("switches."): v for k, v in overrides.items() if k.startswith("switches.")}
    if not flipped:
        return None
    if len(overrides) > 1 or study.variants[variant].terms != study.variants[study.baseline].terms:
        raise InputError("changes more than one switch: its effect belongs to none", key=f"variants.{variant}")
    ((switch, value),) = flipped.items()
    if value == getattr(study.switches, switch, value):
        raise InputError(f"sets {switch} to `{value}`, which it is already", key=f"variants.{variant}.overrides")
    return switch, str(value)


def with_effects(texts: Texts, effects: Mapping[str, Effect]) -> Texts:
    """The texts with the `effect` of these switches replaced and every other line unchanged.

    Raises:
        InputError: a switch whose row has no line `effect:`.
    """
    done: set[str] = set()
    found = {file: _with_effects(text, effects, done) for file, text in texts.items()}
    if missing := set(effects) - done:
        raise InputError(f"the row of {sorted(missing)[0]} has no line `effect:`", key="switches")
    return found


def _with_effects(text: str, effects: Mapping[str, Effect], done: set[str]) -> str:
    lines, switch = [], ""
    for line in text.splitlines():
        if line.startswith("  - id: "):
            switch = line.removeprefix("  - id: ").strip()
        if line.startswith("    effect:") and switch in effects:
            line = _effect_line(effects[switch])
            done.add(switch)
        lines.append(line)
    return "\n".join(lines) + "\n"


def _effect_line(effect: Effect) -> str:
    tree: dict[str, Any] = effect.model_dump(mode="json", exclude_defaults=True)
    body = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=100_000, default_flow_style=True)
    return f"    effect: {body.rstrip()}"
