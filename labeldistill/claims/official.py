"""nuScenes' official splits as data, and whether given samples are theirs."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labeldistill.claims.claims import claims_file
from labeldistill.config.yaml_file import read_yaml
from labeldistill.errors import InputError

NAME = "nuscenes_splits.yaml"


class OfficialSplit(BaseModel):
    """An official split: its version, and number and hash of its scene names and sample tokens (`names_hash`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    scenes: int = Field(ge=1)
    scenes_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    samples: int = Field(ge=1)
    tokens_sha256: str | None = Field(pattern=r"^[0-9a-f]{64}$")
    """None: nobody with the data has verified it."""


@dataclass(frozen=True)
class SplitFacts:
    """The content of a split in a folder."""

    scenes: int
    scenes_sha256: str
    samples: int
    tokens_sha256: str


def load_official(file: Path | None = None) -> dict[str, OfficialSplit]:
    """Every official split by name.

    Raises:
        InputError: no such file, or a wrong entry.
    """
    file = file or claims_file().with_name(NAME)
    try:
        splits = read_yaml(file)["splits"]
        return {name: OfficialSplit.model_validate(entry) for name, entry in splits.items()}
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        raise InputError(f"can't be read as official splits ({error})", file=file, key="splits") from error


def split_sizes() -> dict[str, int]:
    """Number of samples of every official split.

    Raises:
        InputError: see `load_official`.
    """
    return {name: split.samples for name, split in load_official().items()}


def why_not_official(name: str, facts: SplitFacts, official: OfficialSplit) -> str:
    """How the samples of a split differ from the official split; empty if no difference is known."""
    wanted = (("scenes", official.scenes), ("samples", official.samples))
    for what, number in wanted:
        if (found := getattr(facts, what)) != number:
            return f"`{name}` has {number:,} {what} in nuScenes, {found:,} here"
    if facts.scenes_sha256 != official.scenes_sha256:
        return f"`{name}` holds other scenes than nuScenes' split of that name"
    if official.tokens_sha256 not in (None, facts.tokens_sha256):
        return f"`{name}` holds other samples than nuScenes' split of that name"
    return ""
