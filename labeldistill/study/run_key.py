"""Run keys: short hashes of everything that a result depends on. They are part of result paths and artefacts."""

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from labeldistill.config.load import start_file
from labeldistill.config.methods import Stage
from labeldistill.config.model import RANDOM
from labeldistill.config.study import RunSettings
from labeldistill.errors import InputError
from labeldistill.files import file_sha256

KEY_LENGTH = 12

# Settings of how a run is executed, which do not change its numbers.
_NOT_HASHED: dict[str, tuple[str, ...]] = {
    "data": ("dataroot",),  # the path of the folder; its content enters through the data key
    "training": ("loader_workers", "checkpoint_every_steps", "deterministic"),
}

# Paths of weights files that a run starts from: the content enters the key instead of the path.
_HASHED_FILES: tuple[tuple[str, str], ...] = (
    ("student", "pretrained_backbone"),
    ("student", "pretrained"),
    ("teacher", "pretrained"),
    ("label_encoder", "pretrained"),
)


def digest(value: Any) -> str:
    """First 12 hex digits of the SHA-256 of `value` as canonical JSON (sorted keys, no spaces)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def hashed_settings(run: RunSettings) -> dict[str, Any]:
    """The part of a run's settings that enters its run key.

    Raises:
        InputError: a weights file that the run starts from is missing or can't be read.
    """
    tree = run.model_dump(mode="json")
    for part, names in _NOT_HASHED.items():
        for name in names:
            tree[part].pop(name, None)
    for part, name in _HASHED_FILES:
        if (settings := tree[part]) is not None and (path := settings.pop(name)) not in (None, RANDOM):
            settings[name] = weights_hash(path, f"{part}.{name}")
    return tree


def weights_hash(path: str | Path, key: str) -> str:
    """SHA-256 of a weights file's bytes, cached while its size and change time stay the same.

    Args:
        path: the file.
        key: the setting that names it.

    Raises:
        InputError: the file is missing or can't be read.
    """
    file = start_file(path)
    try:
        stat = file.stat()
        return _bytes_hash(file.resolve(), stat.st_size, stat.st_mtime_ns)
    except FileNotFoundError as error:
        raise InputError("no such file; `labeldistill weights import` makes it", file=path, key=key) from error
    except (OSError, InputError) as error:
        raise InputError(getattr(error, "message", str(error)), file=path, key=key) from error


@lru_cache
def _bytes_hash(file: Path, size: int, changed_ns: int) -> str:
    return file_sha256(file)


def run_key(run: RunSettings, *, infos: str, code: str, parents: Mapping[Stage, str]) -> str:
    """Key of one training run.

    Args:
        run: resolved settings, seed included.
        infos: key of the columnar index it trains on (data manifest, splits, sweeps).
        code: hash of the code that the run executes (see `study.code_hash`).
        parents: stage -> key of each run whose weights it starts from.
    """
    return digest({"settings": hashed_settings(run), "infos": infos, "code": code, "parents": dict(parents)})
