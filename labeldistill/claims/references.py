"""Reference studies: the complete configuration behind a published number, frozen beside the claims.

A reference is a study file that contains every setting, so that neither a change of a shipped study nor of a default
affects it. `labeldistill register STUDY --as-reference UNIT` prints the reference for a unit of a study.
"""

from typing import Any

import yaml

from labeldistill.claims.claims import Claim, reference_file
from labeldistill.config.load import load_study, start_file
from labeldistill.config.methods import FIXED_UNITS
from labeldistill.config.model import RANDOM
from labeldistill.config.study import StudySettings
from labeldistill.errors import InputError
from labeldistill.study.start_weights import source_hash

SHA256 = "sha256:"
"""Prefix of the first digits of the hash of the public file that a reference starts from, used instead of a path."""

_NOT_FROZEN = {
    *("verdict", "claims", "assumed", "comparable", "not_comparable_because", "description", "benchmark"),
    *("device", "evaluation_slices", "evaluation_replicates", "name"),
}


def load_reference(claim: Claim) -> StudySettings:
    """The study that a claim's numbers belong to.

    Raises:
        InputError: the claim has none, the file can't be read, or it has no unit of that name.
    """
    if claim.reference is None:
        raise InputError("names no reference study", key=f"claims.{claim.id}.reference")
    file = reference_file(claim.reference.study)
    study = load_study(str(file))
    if claim.reference.unit not in (*FIXED_UNITS, *study.variants):
        raise InputError(f"has no unit `{claim.reference.unit}`", file=file, key=f"claims.{claim.id}.reference.unit")
    return study


def frozen(study: StudySettings, units: tuple[str, ...]) -> str:
    """The text of a reference study: every setting of the baseline and these variants that can change numbers."""
    tree = study.model_dump(mode="json", exclude=_NOT_FROZEN)
    kept = {study.baseline, *units} & set(study.variants)
    tree["variants"] = {name: variant for name, variant in tree["variants"].items() if name in kept}
    tree["description"] = f"frozen from the study {study.name}; every setting stands here, none is inherited"
    tree["seeds"] = [0]
    return yaml.dump(tree, Dumper=_Compact, sort_keys=False, width=110)


class _Compact(yaml.SafeDumper):
    """Lists of numbers on one line."""

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> Any:
        return super().represent_sequence(tag, sequence, flow_style=True)


def start_weights(value: str | None) -> str:
    """The start weights of a run in a form that can be compared between runs.

    Args:
        value: of a setting in `recipe.STARTED_PART`: a file of `labeldistill weights import`, `random`, or in a
            reference `sha256:` and the first digits of the public file's hash.
    """
    if value is None or value == RANDOM:
        return "random weights"
    if value.startswith(SHA256):
        return value
    source = source_hash(start_file(value))
    return f"{SHA256}{source}" if source else f"{value}, of unknown origin"


def same_start(there: str, here: str) -> bool:
    """Whether two results of `start_weights` are the same file; the reference may only know the first digits."""
    return here == there or (there.startswith(SHA256) and here.startswith(there) and len(there) >= len(SHA256) + 8)
