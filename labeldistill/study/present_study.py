"""A study of the scenes that are there: another study, on a folder that was downloaded in part."""

from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from labeldistill.config.base import Name
from labeldistill.config.load import studies_folder
from labeldistill.config.study import StudySettings
from labeldistill.errors import InputError
from labeldistill.files import write_text
from labeldistill.nuscenes.present import Present
from labeldistill.nuscenes.splits import Split


def write_present_study(name: str, study: StudySettings, present: Mapping[Split, Present]) -> Path:
    """Write a study beside `study` that uses only these scenes; the lists are settings, so they enter every key.

    Args:
        name: of the new study.
        study: a study of the folder of studies.
        present: the complete scenes of every split.

    Raises:
        InputError: a bad name, one that is taken, or a study from elsewhere.
    """
    file = studies_folder() / f"{name}.yaml"
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError as error:
        raise InputError("is no name: letters, digits, dots, hyphens", key="--only-present") from error
    if file.exists():
        raise InputError("exists; choose another name or remove it", file=file, key="--only-present")
    if not (studies_folder() / f"{study.name}.yaml").is_file():
        raise InputError("only a study of this folder can be restricted", file=studies_folder(), key="--study")
    counts = "; ".join(f"{split}: {found}" for split, found in present.items())
    tree = {
        "extends": study.name,
        "description": f"{study.description}; PARTIAL, only the scenes whose files are there",
        "data": {"splits": {split: list(found.scenes) for split, found in present.items()}},
        "comparable": False,
        "not_comparable_because": f"PARTIAL: only the scenes whose files are there ({counts})",
    }
    head = f"# Written by `labeldistill check-data --study {study.name} --only-present {name}`.\n"
    write_text(file, head + yaml.safe_dump(tree, sort_keys=False, width=1000, default_flow_style=None))
    return file
