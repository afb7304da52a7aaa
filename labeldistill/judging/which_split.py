"""Which split of a nuScenes folder a result file covers, found from its sample tokens."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc

from labeldistill.claims.official import split_sizes
from labeldistill.errors import InputError
from labeldistill.evaluation.prediction_checks import OtherSamplesError
from labeldistill.evaluation.scoring_task import ScoringTask
from labeldistill.nuscenes.splits import official_splits, own_splits
from labeldistill.nuscenes.tables import Tables

Splits = dict[str, frozenset[str]]
"""Name of a split -> its sample tokens."""


@dataclass(frozen=True)
class Covered:
    """A version of the folder, and how many samples of each of its splits a file has.

    Attributes:
        version: for example v1.0-mini.
        split: the split that has exactly the samples of the file; empty if there is none.
        counts: split -> samples in the file, samples in the split; only splits that share samples with the file.
        unknown: samples of the file that are in no table of this version.
    """

    version: str
    split: str
    counts: Mapping[str, tuple[int, int]]
    unknown: int


@dataclass(frozen=True)
class Place:
    """Where result files are scored.

    Attributes:
        dataroot: folder that holds the versions; their metadata tables are all that is read.
        version, split: None: those that have the file's samples.
        cache: folder that keeps tables and result files as columns.
    """

    dataroot: Path
    version: str | None = None
    split: str | None = None
    cache: Path | None = None


def find_split(tokens: Iterable[str], place: Place, *, sizes: Mapping[str, int], file: Path | None = None) -> Covered:
    """The version and split that have exactly these samples.

    Args:
        tokens: sample tokens of the file.
        place: where to look, and what was asked for.
        sizes: official split -> number of samples, to name a likely split where the folder does not hold it.
        file: for the message.

    Raises:
        InputError: no split fits, or another one than was asked for; says how many samples of which split there are.
    """
    have = frozenset(tokens)
    versions = [place.version] if place.version else sorted(p.parent.name for p in place.dataroot.glob("*/sample.json"))
    found = [_covered(have, Tables(place.dataroot, name, place.cache), place.split) for name in versions]
    if not found:
        raise InputError("no folder in it holds a sample.json", file=place.dataroot, key="--dataroot")
    fitting = [each for each in found if each.split]
    if fitting and place.split in (None, fitting[0].split):
        return fitting[0]
    best = max(found, key=lambda each: sum(count for count, _ in each.counts.values()))
    raise InputError(_mismatch(len(have), best, place.split, sizes), file=file, key="results")


@contextmanager
def samples_counted(task: ScoringTask) -> Iterator[None]:
    """Whoever scores a file of other samples inside is told how many samples of which split the file has.

    Raises:
        InputError: in place of `OtherSamplesError`; names the file.
    """
    try:
        yield
    except OtherSamplesError as error:
        split = task.split if isinstance(task.split, str) else None  # None: a list of scenes
        place, file = Place(task.dataroot, task.version, split, task.cache), Path(error.file) if error.file else None
        covered = find_split(error.tokens, place, sizes=split_sizes(), file=file)
        if covered.split == split:  # a part of the split is scored, and the message says which sample is too many
            raise
        message = f"{len(error.tokens)} samples, exactly those of {covered.split}; other scenes are scored here"
        raise InputError(message, file=error.file, key="results") from error


def _covered(have: frozenset[str], tables: Tables, asked: str | None) -> Covered:
    splits, disjoint = _splits(tables)
    exact = [name for name, members in splits.items() if members == have]
    chosen = asked if asked in exact else next(iter(exact), "")
    counts = {name: (len(have & splits[name]), len(splits[name])) for name in disjoint if have & splits[name]}
    there = frozenset(tables["sample"]["token"].to_pylist())
    return Covered(tables.version, chosen, counts, len(have - there))


def _splits(tables: Tables) -> tuple[Splits, list[str]]:
    """Every split that is whole in these tables, and those that count samples: own ones and official ones."""
    scenes = dict(zip(tables["scene"]["token"].to_pylist(), tables["scene"]["name"].to_pylist(), strict=True))
    of_scene: dict[str, set[str]] = {}
    columns = (tables["sample"]["token"], tables["sample"]["scene_token"])
    for token, scene in zip(*(pc.cast(column, "string").to_pylist() for column in columns), strict=True):
        of_scene.setdefault(scenes.get(scene, ""), set()).add(token)
    own, official = own_splits(tables), official_splits()
    usual = ("mini_train", "mini_val") if tables.version == "v1.0-mini" else ("train", "val", "test")
    counting = [*own, *(name for name in usual if name not in own)]
    names = {**official, **own}
    members = {
        name: frozenset(token for scene in names[name] for token in of_scene.get(scene, ()))
        for name in [*counting, *(other for other in official if other not in counting)]
    }
    whole = {name: tokens for name, tokens in members.items() if tokens and set(names[name]) <= of_scene.keys()}
    return {**whole, **{name: members[name] for name in counting if name not in whole}}, counting


def _mismatch(count: int, best: Covered, asked: str | None, sizes: Mapping[str, int]) -> str:
    wanted = "which is no split" if asked is None else f"which is not {asked}"
    parts = [f"{found} of {name}'s {whole}" for name, (found, whole) in best.counts.items()]
    parts += [f"{best.unknown} that are in no table"] if best.unknown else []
    text = f"{count} samples, {wanted} of {best.version}: {', '.join(parts)}"
    if likely := best.split or _by_size(count, sizes):
        return f"{text}; likely split: {likely}"
    holding = [whole for found, whole in best.counts.values() if found == count]
    if holding:  # all are of one split, which has more
        return f"{text}; samples without boxes need an entry too"
    return f"{text}; a result file covers one split, so take out the others" if best.counts else text


def _by_size(count: int, sizes: Mapping[str, int]) -> str:
    """The official split, or train and val in one, with this number of samples."""
    pairs = {
        f"{a} and {b} in one": sizes.get(a, 0) + sizes.get(b, 0)
        for a, b in (("mini_train", "mini_val"), ("train", "val"))
    }
    return next((name for name, size in {**sizes, **pairs}.items() if size == count), "")
