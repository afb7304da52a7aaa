"""Ground truth of a split cached as one small file, under the checksums of the tables it came from."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from labeldistill.evaluation.ground_truth import GroundTruth, Racks, read_ground_truth
from labeldistill.files import written_whole
from labeldistill.nuscenes.splits import own_splits
from labeldistill.nuscenes.tables import Tables

_FORMAT = 1
_TABLES: tuple[str, ...] = ("scene", "sample", "sample_data", "ego_pose", "calibrated_sensor", "sensor")
_TABLES += ("sample_annotation", "instance", "category", "attribute")
_TEXTS = ("tokens", "scene_names", "scene_descriptions")


def open_ground_truth(
    dataroot: str | Path, version: str, split: str | Sequence[str], *, cache: str | Path | None = None
) -> GroundTruth:
    """As `read_ground_truth`, from a folder; kept in `cache` under the checksums of the tables.

    Args:
        dataroot: folder that holds `<version>/`.
        version: for example `v1.0-trainval`.
        split: a name known to the folder's splits.json or to the devkit, or scene names.
        cache: folder for the columns; None reads the tables each time.

    Raises:
        InputError: no such folder, version, split or scene, or damaged tables.
    """
    tables = Tables(dataroot, version, cache)
    return read_ground_truth(tables, split) if cache is None else cached(tables, split, Path(cache))


def cached(tables: Tables, split: str | Sequence[str], cache: Path) -> GroundTruth:
    """The split's ground truth, read from `cache` if the tables have not changed."""
    sums = {name: tables.checksums.sha256(tables.file(name)) for name in _TABLES}
    tables.checksums.save()
    # Scene names follow from these; asking the devkit for them would take longer than everything else here.
    asked = json.dumps([_FORMAT, sums, split, own_splits(tables), version("nuscenes-devkit")])
    file = cache / f"ground-truth-{hashlib.sha256(asked.encode()).hexdigest()[:40]}.npz"
    if file.is_file():
        try:
            return read_columns(file)
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):  # a damaged copy is replaced
            file.unlink()
    truth = read_ground_truth(tables, split)
    write_columns(truth, file)
    return truth


def write_columns(truth: GroundTruth, file: Path) -> None:
    """Write one .npz file, whole or not at all."""
    columns: dict[str, Any] = {f.name: getattr(truth, f.name) for f in fields(truth) if f.name != "racks"}
    for name in _TEXTS:
        columns[name] = np.frombuffer(json.dumps(columns[name]).encode(), dtype=np.uint8)
    columns |= {f"racks.{f.name}": getattr(truth.racks, f.name) for f in fields(Racks)}
    with written_whole(file) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **columns)


def read_columns(file: Path) -> GroundTruth:
    """Read what `write_columns` wrote."""
    with np.load(file, allow_pickle=False) as columns:
        values = {f.name: columns[f.name] for f in fields(GroundTruth) if f.name != "racks"}
        racks = Racks(**{f.name: columns[f"racks.{f.name}"] for f in fields(Racks)})
    values |= {name: tuple(json.loads(values[name].tobytes())) for name in _TEXTS}
    return GroundTruth(**values, racks=racks)
