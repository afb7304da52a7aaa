"""The data that a study read, in a form that two people can compare: checksums, splits, counts, and one hash of all."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from labeldistill.config.data import DataSettings
from labeldistill.nuscenes.splits import names_hash
from labeldistill.nuscenes.study_files import StudyFiles, sampled, sizes_of, study_files
from labeldistill.nuscenes.tables import Tables

SAMPLED_FILES = 32
"""Number of images, and of clouds, whose checksums are in the manifest."""


def build_manifest(data: DataSettings, dataroot: str | Path, cache: str | Path | None = None) -> dict[str, Any]:
    """The manifest of a study's data; it contains no path of this machine and no date, so equal data give equal text.

    Keys: `version`; `tables`: sha256 and bytes of every JSON file of the version; `splits`: scenes, number of key
    frames and hash of their sample tokens; `files`: per folder, how many files the study reads, how many of them are
    missing, and their bytes; `sampled_sha256`: checksums of some of them.

    Args:
        data: version, splits, sweeps.
        dataroot: the nuScenes folder.
        cache: folder for table copies and remembered checksums (by path, size and modification time).

    Raises:
        InputError: see `study_files`.
    """
    root, tables = Path(dataroot), Tables(dataroot, data.version, cache)
    files = study_files(tables, data)
    sums = tables.checksums
    manifest = {
        "version": data.version,
        "tables": {
            file.name: {"sha256": sums.sha256(file), "bytes": file.stat().st_size}
            for file in sorted(tables.folder.glob("*.json"))
        },
        "splits": {
            split: {
                "scenes": list(scenes),
                "key_frames": files.key_frames(split),
                "tokens_sha256": names_hash(files.tokens(split)),
            }
            for split, scenes in files.splits.items()
        },
        "files": _counts(root, files),
        "sampled_sha256": _sampled_sums(root, files, tables),
    }
    sums.save()
    return manifest


def manifest_hash(manifest: dict[str, Any]) -> str:
    """SHA-256 of the manifest as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _counts(root: Path, files: StudyFiles) -> dict[str, dict[str, int]]:
    names = [*files.images, *files.clouds]
    folders = np.array([str(Path(name).parent.as_posix()) for name in names])
    sizes = sizes_of(root, names)
    return {
        str(folder): {
            "files": int(np.count_nonzero(folders == folder)),
            "missing": int(np.count_nonzero((folders == folder) & (sizes < 0))),
            "bytes": int(sizes[(folders == folder) & (sizes > 0)].sum()),
        }
        for folder in np.unique(folders)
    }


def _sampled_sums(root: Path, files: StudyFiles, tables: Tables) -> dict[str, str]:
    chosen = [*_some(files.images), *_some(files.clouds)]
    return {name: tables.checksums.sha256(root / name) for name in sorted(chosen) if (root / name).is_file()}


def _some(names: Sequence[str]) -> list[str]:
    return [names[row] for row in sampled(names, SAMPLED_FILES)]
