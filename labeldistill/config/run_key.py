"""Run keys: short hashes of everything that a result depends on. They stand in result paths and inside artefacts."""

import hashlib
import json
from typing import Any

from labeldistill.config.study import RunSettings

KEY_LENGTH = 12

# How a run is carried out, not what it computes: another value gives the same numbers.
_NOT_HASHED: dict[str, tuple[str, ...]] = {
    "data": ("dataroot",),  # where the folder lies; its content enters through the data key
    "training": ("loader_workers", "checkpoint_every_steps", "deterministic"),
}


def digest(value: Any) -> str:
    """First 12 hex digits of the SHA-256 of `value` as canonical JSON (sorted keys, no spaces)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def hashed_settings(run: RunSettings) -> dict[str, Any]:
    """The part of a run's settings that enters its key."""
    tree = run.model_dump(mode="json")
    for part, names in _NOT_HASHED.items():
        for name in names:
            tree[part].pop(name, None)
    return tree


def run_key(run: RunSettings, *, infos: str, code: str, teacher: str | None, label_encoder: str | None) -> str:
    """Key of one training run.

    Args:
        run: resolved settings, seed included.
        infos: key of the columnar index it trains on (data manifest, splits, sweeps).
        code: hash of the code that the stage executes (see `records.code_hash`).
        teacher: key of the teacher run it uses, None where it uses none.
        label_encoder: key of the label-encoder run it uses, None where it uses none.
    """
    parts = {"infos": infos, "code": code, "teacher": teacher, "label_encoder": label_encoder}
    return digest({"settings": hashed_settings(run), **parts})
