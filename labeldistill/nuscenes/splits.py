"""The scene names of a study's splits: the devkit's splits, the folder's splits.json, or an explicit list."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from labeldistill.errors import InputError
from labeldistill.files import read_json
from labeldistill.nuscenes.tables import Tables

Split = Literal["train", "val", "tuning"]
SPLITS: tuple[Split, ...] = ("train", "val", "tuning")
OFFICIAL = ("train", "val", "test", "mini_train", "mini_val", "train_detect", "train_track")
"""Names of the devkit's splits; no folder may redefine them."""


def own_splits(tables: Tables) -> dict[str, list[str]]:
    """The splits in `<version>/splits.json` (name -> scene names); empty when there is no such file.

    Raises:
        InputError: the file is not a JSON object of lists of scene names.
    """
    file = tables.folder / "splits.json"
    if not file.is_file():
        return {}
    value = read_json(file)
    if not isinstance(value, dict) or not all(
        isinstance(names, list) and all(isinstance(n, str) for n in names) for names in value.values()
    ):
        raise InputError("expected an object of lists of scene names", file=file)
    return value


def scenes_of(asked: str | Sequence[str], tables: Tables, key: str = "data.splits") -> list[str]:
    """Scene names, in the order of scene.json, of a split name or of an explicit list of scene names.

    Raises:
        InputError: no such split, a scene that is not in the tables (both list what exists), no scene at all, or a
            splits.json that gives an official name to scenes other than the devkit's.
    """
    there = tables["scene"]["name"].to_pylist()
    if isinstance(asked, str):
        own = own_splits(tables)
        official = official_splits() if asked in OFFICIAL or asked not in own else {}
        if asked in own and asked in official and set(own[asked]) != set(official[asked]):
            raise InputError(
                f"`{asked}` is an official split of {len(official[asked])} scenes; give these {len(own[asked])} scenes "
                "another name",
                file=tables.folder / "splits.json",
                key=asked,
            )
        if asked not in own and asked not in official:
            known = ", ".join([*sorted(own), *sorted(set(official) - set(own))])
            raise InputError(f"no split `{asked}`; splits there: {known}", file=tables.folder, key=key)
        names = own[asked] if asked in own else official[asked]
    else:
        names = list(asked)
    unknown = [name for name in names if name not in set(there)]
    if unknown:
        message = f"{len(unknown)} of {len(names)} scenes are not there ({_few(unknown)}); scenes there: {_few(there)}"
        raise InputError(message, file=tables.file("scene"), key=key)
    if not names:
        raise InputError("the split has no scene", file=tables.folder, key=key)
    wanted = set(names)
    return [name for name in there if name in wanted]


def names_hash(names: Iterable[str]) -> str:
    """SHA-256 of a set of scene names or sample tokens, sorted, without duplicates, one per line."""
    return hashlib.sha256("\n".join(sorted(set(names))).encode()).hexdigest()


def official_splits() -> dict[str, list[str]]:
    """Scene names of every split of the devkit."""
    from nuscenes.utils.splits import create_splits_scenes  # importing the devkit takes seconds

    return dict(create_splits_scenes())


def resolve_splits(splits: Mapping[Split, str | tuple[str, ...]], tables: Tables) -> dict[Split, list[str]]:
    """Scene names of every split of a study (`DataSettings.splits`)."""
    return {split: scenes_of(asked, tables, f"data.splits.{split}") for split, asked in splits.items()}


def _few(names: Sequence[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
