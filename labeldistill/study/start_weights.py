"""The weights that a study's trainings start from: the public files it names, and which of them exist."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from labeldistill.config.load import start_file, studies_folder
from labeldistill.config.methods import FIXED_UNITS, METHODS, parents_of
from labeldistill.config.model import RANDOM
from labeldistill.config.runs import run_settings
from labeldistill.config.study import StudySettings
from labeldistill.config.yaml_file import read_yaml
from labeldistill.errors import InputError

State = Literal["there", "missing", "another file", "not said", "random"]
USABLE: tuple[State, ...] = ("there", "random")
_NAME_HASH = re.compile(r"-([0-9a-f]{8})$")
"""torchvision and OpenMMLab end a file's name with the first eight digits of its SHA-256; an import keeps the name."""


class PublicFile(BaseModel):
    """A public file of weights, as `workflow/claims/start_weights.yaml` describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    what: str
    kind: str
    megabytes: float | None
    place: str
    used: str
    known: str


@dataclass(frozen=True)
class Start:
    """The start weights given by one setting of a study.

    Attributes:
        setting: dotted name of the setting.
        units: units whose trainings start from it.
        value: value of the setting.
        state: whether training can start from it.
        found: SHA-256 of the public file that the existing file was made from; empty if unknown.
        public: what is known about the public file; None: nothing.
    """

    setting: str
    units: tuple[str, ...]
    value: str | None
    state: State
    found: str
    public: PublicFile | None

    def __str__(self) -> str:
        words = {
            "not said": f"not said; name a file, or `{RANDOM}`",
            "missing": f"{self.value} is missing",
            "another file": f"{self.value} was made from another file than its name says (SHA-256 begins with "
            f"{self.found[:8] or 'nobody knows what'})",
        }
        return f"{self.setting}: {words.get(self.state, self.value)}"

    @property
    def sha256(self) -> str:
        """The first digits of the public file's SHA-256, as the name of the study's file claims; empty without."""
        claimed = _NAME_HASH.search(Path(self.value or "").stem)
        return claimed[1] if claimed else ""


def public_files() -> dict[str, PublicFile]:
    """Stem of its name -> public file.

    Raises:
        InputError: a wrong entry.
    """
    file = studies_folder().parent / "claims" / "start_weights.yaml"
    if not file.is_file():
        return {}  # a user's own folder of studies: nothing but names is known of its files
    try:
        found = [PublicFile.model_validate(entry) for entry in read_yaml(file)["files"]]
    except (KeyError, TypeError, ValidationError) as error:
        raise InputError(f"can't be read as a list of public files ({error})", file=file, key="files") from error
    return {Path(each.file).stem: each for each in found}


def starts_of(study: StudySettings) -> list[Start]:
    """Everything that the study's trainings start from, without duplicates.

    Raises:
        InputError: settings of a variant that contradict each other.
    """
    units: dict[tuple[str, str | None], dict[str, None]] = {}
    for unit, setting, value in _named(study):
        units.setdefault((setting, value), {})[unit] = None
    public = public_files()
    return [_start(setting, tuple(of), value, public) for (setting, value), of in units.items()]


def _named(study: StudySettings) -> Iterator[tuple[str, str, str | None]]:
    """Unit, setting and value of every training of the study."""
    teachers: list[str | None] = [None] if "teacher" in METHODS[study.method].stages else []
    for variant in study.variants:
        run = run_settings(study, "student", variant, study.seeds[0])
        if run.student is not None and run.student.pretrained != RANDOM:
            yield variant, "student.pretrained", run.student.pretrained
        elif run.student is not None:
            yield variant, "student.pretrained_backbone", run.student.pretrained_backbone
        if parents_of("student", run.needs):
            teachers.append(variant)
    for seen in teachers:
        teacher = run_settings(study, "teacher", seen, study.teacher_seed).teacher
        assert teacher is not None
        yield FIXED_UNITS[0], "teacher.pretrained", teacher.pretrained
        # from random weights in every released training: worth a word only where a study says otherwise
        if (encoder := study.label_encoder.pretrained) != RANDOM and "label-encoder" in METHODS[study.method].stages:
            yield FIXED_UNITS[1], "label_encoder.pretrained", encoder


def _start(setting: str, units: tuple[str, ...], value: str | None, public: dict[str, PublicFile]) -> Start:
    if value is None or value == RANDOM:
        return Start(setting, units, value, "not said" if value is None else "random", "", None)
    file = start_file(value)
    start = Start(setting, units, value, "missing", source_hash(file), public.get(file.stem))
    if not file.is_file():
        return start
    return replace(start, state="there" if start.found.startswith(start.sha256) else "another file")


def source_hash(file: Path) -> str:
    """SHA-256 of the public file that an imported one was made from; empty if unknown."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="np") as stream:
            about = json.loads((stream.metadata() or {}).get("labeldistill", "{}"))
        return str(about["imported"]["source"]["sha256"])
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return ""


def can_start(study: StudySettings) -> bool:
    """Whether all start weights of a study are there or waived by name."""
    return all(start.state in USABLE for start in starts_of(study))


def check_starts(study: StudySettings) -> None:
    """Refuse a study whose trainings can't start.

    Raises:
        InputError: lists every file that is missing or not what its name says, and every start that is not said.
    """
    wrong = [start for start in starts_of(study) if start.state not in USABLE]
    if wrong:
        raise InputError(
            f"the start weights of the study {study.name} are not there: {'; '.join(map(str, wrong))}. "
            f"`labeldistill weights list --study {study.name}` says how to come by them"
        )
