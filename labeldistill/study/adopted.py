"""Checkpoints trained elsewhere that `labeldistill adopt` added to a study: their folders and records.

They detect with our code under the study's settings, so they are predicted and scored like any run.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from labeldistill.config.run_files import ADOPTED
from labeldistill.errors import InputError
from labeldistill.files import read_json
from labeldistill.study.run_key import digest

PREFIX = "adopted-"


@dataclass(frozen=True)
class AdoptedRun:
    """One checkpoint; it has only weights of the kind `weights`."""

    unit: str
    seed: int
    weights: Literal["raw", "ema"]
    key: str
    folder: Path
    record: dict[str, Any]


def adopted_key(sha256: str, weights: str) -> str:
    """Key of an adopted checkpoint: a hash of the file's SHA-256 and the kind of weights taken from it."""
    return PREFIX + digest({"sha256": sha256, "weights": weights})


def adopted_under(folder: Path, units: Iterable[str]) -> list[AdoptedRun]:
    """Every adopted checkpoint of these units under a study's results folder, by unit and seed.

    Raises:
        InputError: a record that can't be read or is in the folder of another run; duplicate seeds of a unit.
    """
    runs = [_read(f, unit) for unit in units for f in sorted(folder.glob(f"{unit}/seed-*/{PREFIX}*/{ADOPTED}"))]
    seen: dict[tuple[str, int, str], AdoptedRun] = {}
    for run in runs:
        other = seen.setdefault((run.unit, run.seed, run.weights), run)
        if other is not run:
            raise InputError(
                f"{run.unit} seed {run.seed} ({run.weights} weights) was adopted twice, also as {other.folder.name}: "
                "adopt one of them under another --seed, or remove its folder",
                file=run.folder / ADOPTED,
                key="seed",
            )
    return sorted(runs, key=lambda run: (list(units).index(run.unit), run.seed, run.weights))


def _read(file: Path, unit: str) -> AdoptedRun:
    about = read_json(file)
    try:
        run = AdoptedRun(about["variant"], int(about["seed"]), about["weights"], about["run_key"], file.parent, about)
        expected = adopted_key(about["sha256"], run.weights)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"is not a record of an adopted checkpoint ({error!r})", file=file) from error
    place = (unit, f"seed-{run.seed}", expected)
    if (run.unit, file.parent.parent.name, run.key) != place or file.parent.name != expected:
        raise InputError(f"is of {run.unit} seed {run.seed}, but lies in another folder", file=file, key="variant")
    return run
