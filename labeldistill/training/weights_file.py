"""Weights of a finished run: safetensors with the run's key, stage and settings inside."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from labeldistill.errors import InputError
from labeldistill.files import written_whole
from labeldistill.training.verified_weights import refuse_not_finite, refuse_other_file

WeightsName = Literal["raw", "ema"]
_ENTRY = "labeldistill"
WEIGHTS: tuple[WeightsName, ...] = ("raw", "ema")


def weights_path(run_dir: Path, weights: WeightsName) -> Path:
    """Path of the raw or EMA weights in a run folder."""
    return run_dir / f"weights-{weights}.safetensors"


def write_weights(path: Path, state: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write a whole state dict; `about` (JSON values) becomes the file's metadata.

    Raises:
        InputError: the disk is full or can't be written.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    # a single entry, because the library writes several in random order and equal weights must give equal files
    data = save(tensors, metadata={_ENTRY: json.dumps(about, sort_keys=True)})
    with written_whole(path) as temporary:
        temporary.write_bytes(data)


def read_about(path: Path) -> dict[str, Any]:
    """The metadata of a weights file, without its tensors.

    Raises:
        InputError: missing, damaged, or not written by this project.
    """
    about, _ = _opened(path, tensors=False)
    return about


def read_weights(path: Path, *, run_key: str | None = None) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """State dict and metadata of a weights file.

    Args:
        path: the file.
        run_key: expected run key; weights of another run are refused.

    Raises:
        InputError: missing, damaged, not written by this project, of another run key, not the file in the run's record,
            or with NaN.
    """
    about, state = _opened(path, tensors=True)
    refuse_other_file(path)
    if about.get("status") != "diverged":  # a diverged run is marked as such and detects nothing
        refuse_not_finite(state, path)
    if run_key is not None and about["run_key"] != run_key:
        raise InputError(f"these weights belong to run {about['run_key']}, not to {run_key}", file=path, key="run_key")
    return state, about


def _opened(path: Path, *, tensors: bool) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if not path.is_file():
        raise InputError("no such file; has the run finished?", file=path)
    try:
        with safe_open(path, framework="pt") as stream:
            raw = stream.metadata() or {}
            state = {name: stream.get_tensor(name) for name in stream.keys()} if tensors else {}  # noqa: SIM118
        about = json.loads(raw.get(_ENTRY, "{}"))
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"not a readable weights file ({error})", file=path) from error
    if not isinstance(about, dict):
        raise InputError("metadata is not an object; this file was not written by `labeldistill train`", file=path)
    for name in ("run_key", "stage", "settings"):
        if name not in about:
            raise InputError(
                "metadata lacks the key; this file was not written by `labeldistill train`", file=path, key=name
            )
    return about, state
