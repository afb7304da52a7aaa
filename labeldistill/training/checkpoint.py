"""Checkpoints: everything that a run needs to go on as if it had never stopped."""

import shutil
from pathlib import Path
from typing import Any

import torch

from labeldistill.errors import InputError
from labeldistill.files import written_whole

FOLDER = "checkpoint"
FILE = "state.pt"
VERSION = 1


def save_checkpoint(out_dir: Path, state: dict[str, Any]) -> None:
    """Replace the run's checkpoint: written beside it, fsynced, renamed, so that a kill leaves the old or the new one.

    Raises:
        InputError: the disk is full or can't be written; the former checkpoint is untouched.
    """
    folder = out_dir / FOLDER
    for orphan in folder.glob(f".{FILE}.*.part"):  # of a process that was killed while writing
        orphan.unlink(missing_ok=True)
    with written_whole(folder / FILE) as temporary:
        try:
            with temporary.open("wb") as stream:
                torch.save({"version": VERSION, **state}, stream)
        except RuntimeError as error:  # torch's zip writer wraps the operating system's error
            raise _cause(error) from error


def _cause(error: BaseException) -> OSError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return OSError(str(error).splitlines()[0])


def load_checkpoint(out_dir: Path, run_key: str) -> dict[str, Any] | None:
    """The run's checkpoint on the CPU, None where there is none.

    Raises:
        InputError: it can't be read, or belongs to another run key or format.
    """
    file = out_dir / FOLDER / FILE
    if not file.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(f"can't be read ({type(error).__name__}); delete it to start afresh", file=file) from error
    if state.get("version") != VERSION:
        raise InputError(f"has format {state.get('version')}, this code reads {VERSION}; delete it", file=file)
    if state.get("run_key") != run_key:
        raise InputError(f"belongs to run {state.get('run_key')}, not to {run_key}; delete it", file=file)
    return state


def remove_checkpoint(out_dir: Path) -> None:
    """Remove the checkpoint of a finished run."""
    shutil.rmtree(out_dir / FOLDER, ignore_errors=True)
