"""Results of other code bases that `labeldistill ingest` added to a study: their folders and records.

They never count as our own runs: tables call them `<variant> (ingested)` (see `study.apart`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from labeldistill.config.run_files import INGESTED
from labeldistill.errors import InputError
from labeldistill.files import read_json


@dataclass(frozen=True)
class IngestedRun:
    """One ingested file; `key` is the beginning of its SHA-256, `weights` the kind of weights behind it."""

    variant: str
    seed: int
    weights: str
    key: str
    source: str
    folder: Path

    @property
    def detections(self) -> Path:
        """Its boxes as columns."""
        return self.folder / "detections" / f"{self.weights}.parquet"


def ingested_under(folder: Path, variants: Iterable[str]) -> list[IngestedRun]:
    """Every ingested run of these variants under a study's results folder, by variant and seed.

    Raises:
        InputError: a record that can't be read, or the same variant, seed and weights twice.
    """
    runs: list[IngestedRun] = []
    for variant in variants:
        files = folder.glob(f"{variant}/seed-*/ingested-*/{INGESTED}")
        runs += sorted((_read(file, variant) for file in files), key=lambda run: (run.seed, run.weights, run.key))
    for one, other in pairwise(runs):
        if (one.variant, one.seed, one.weights) == (other.variant, other.seed, other.weights):
            raise InputError(
                f"{one.variant} seed {one.seed} ({one.weights} weights) was taken in twice, also as "
                f"{one.folder.name}: give one of them another seed, or remove its folder",
                file=other.folder / INGESTED,
                key="seed",
            )
    return runs


def _read(file: Path, variant: str) -> IngestedRun:
    about = read_json(file)
    try:
        found = about["variant"], int(about["seed"]), about["weights"], about["sha256"][:12], about["source"]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"is not a record of an ingested run ({error!r})", file=file) from error
    if found[0] != variant or file.parent.parent.name != f"seed-{found[1]}":
        raise InputError(f"is of {found[0]} seed {found[1]}, but lies in another folder", file=file, key="variant")
    return IngestedRun(*found, file.parent)


def refuse_repeated(runs: Iterable[IngestedRun], own: Iterable[tuple[str, int]]) -> None:
    """Refuse a seed of which a variant has both an own and an ingested run.

    Args:
        runs: ingested runs.
        own: variant and seed of our own runs.

    Raises:
        InputError: names the ingested run.
    """
    there = set(own)
    for run in runs:
        if (run.variant, run.seed) in there:
            raise InputError(
                f"{run.variant} seed {run.seed} is a run of this study and was taken in too: take the file in under a "
                "seed that the study does not have, or remove this folder",
                file=run.folder / INGESTED,
                key="seed",
            )


def refuse_taken(folder: Path, runs: Iterable[IngestedRun], new: tuple[str, int, str], file: str | Path) -> None:
    """Refuse to ingest a file under a seed that has an own run, or an ingested one with the same weights.

    Args:
        folder: folder of the study's results.
        runs: runs ingested so far.
        new: variant, seed and weights that the file represents.
        file: the file, for the message.

    Raises:
        InputError: the seed is taken.
    """
    variant, seed, weights = new
    own = sorted((folder / variant / f"seed-{seed}").glob("*/record.json"))
    before = [run.folder for run in runs if (run.variant, run.seed, run.weights) == new]
    for places, what in ((own, "has a run of this study"), (before, f"has {weights} weights taken in")):
        if places:
            raise InputError(f"{variant} seed {seed} {what} already ({places[0]})", file=file, key="--seed")
