"""Checkpoints: everything that a run needs to resume as if it had never stopped.

The last two are kept, each with its own SHA-256. A damaged one is set aside, and the run resumes from the one before
and says so.
"""

import hashlib
import os
import shutil
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from labeldistill.config.run_files import CHECKPOINT, CHECKPOINT_BEFORE, EVENTS
from labeldistill.errors import InputError
from labeldistill.files import written_whole
from labeldistill.training.devices import is_first
from labeldistill.training.event_log import EventLog

FOLDER, FILE, BEFORE = CHECKPOINT.parent.name, CHECKPOINT.name, CHECKPOINT_BEFORE.name
DAMAGED = "state-damaged.pt"
VERSION = 1
_SUM_BYTES = 64


class _DamagedError(Exception):
    """Why a checkpoint can't be used."""


def save_checkpoint(out_dir: Path, state: dict[str, Any]) -> None:
    """Write the run's checkpoint and keep the previous one; a kill at any time leaves at least one of them.

    Raises:
        InputError: the disk is full or can't be written; earlier checkpoints are untouched.
    """
    folder = out_dir / FOLDER
    for orphan in folder.glob(f".{FILE}.*.part"):  # left by a process that was killed while writing
        orphan.unlink(missing_ok=True)
    with written_whole(folder / FILE) as temporary:
        try:
            with temporary.open("wb") as stream:
                torch.save({"version": VERSION, **state}, stream)
            _sign(temporary)
        except RuntimeError as error:  # torch's zip writer wraps the operating system's error
            raise _cause(error) from error
        _keep_as_before(folder)


def _keep_as_before(folder: Path) -> None:
    """Rename the last checkpoint to the previous one; at no moment does it have neither name."""
    if (folder / FILE).is_file():
        (folder / BEFORE).unlink(missing_ok=True)
        try:
            os.link(folder / FILE, folder / BEFORE)
        except OSError:  # file system without hard links
            (folder / FILE).replace(folder / BEFORE)


def _sign(file: Path) -> None:
    """Put the SHA-256 of a zip file into its comment, so that every reader of zip files still reads it."""
    sha256 = _sha256(file, file.stat().st_size - 2)
    with file.open("r+b") as stream:
        stream.seek(-2, 2)  # a zip file without a comment ends with the length of the comment
        stream.write(_signature(sha256))


def _signature(sha256: str) -> bytes:
    return struct.pack("<H", _SUM_BYTES) + sha256.encode()


def _sha256(file: Path, size: int) -> str:
    total = hashlib.sha256()
    with file.open("rb") as stream:
        while size > 0 and (block := stream.read(min(size, 2**20))):
            total.update(block)
            size -= len(block)
    return total.hexdigest()


def _cause(error: BaseException) -> OSError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return OSError(str(error).splitlines()[0])


def load_checkpoint(out_dir: Path, run_key: str) -> dict[str, Any] | None:
    """The run's last intact checkpoint on the CPU; None if there is none.

    A damaged one is set aside, which the event log and a line on stderr report.

    Raises:
        InputError: none is readable, or it belongs to another run key or format.
    """
    folder, damage = out_dir / FOLDER, dict[str, str]()
    for name in (FILE, BEFORE):
        file = folder / name
        if not file.is_file():
            continue
        try:
            state = _read(file)
        except _DamagedError as error:
            damage[name] = str(error)
            continue
        _refuse_foreign(state, file, run_key)
        if damage and is_first():
            _fall_back(out_dir, run_key, int(state["step"]), damage[FILE])
        return state
    for name, why in damage.items():
        raise InputError(f"can't be read ({why}); delete it to start again", file=folder / name)
    return None


def _read(file: Path) -> dict[str, Any]:
    try:
        size = file.stat().st_size - 2 - _SUM_BYTES
        with file.open("rb") as stream:
            stream.seek(max(size, 0))
            signed = stream.read() == _signature(_sha256(file, size))
        if not signed:
            raise _DamagedError("its SHA-256 differs from when it was written")
        state = torch.load(file, map_location="cpu", weights_only=True)
    except _DamagedError:
        raise
    except Exception as error:
        raise _DamagedError(type(error).__name__) from error
    if not isinstance(state, dict):
        raise _DamagedError(f"it holds a {type(state).__name__}")
    return state


def _refuse_foreign(state: dict[str, Any], file: Path, run_key: str) -> None:
    if state.get("version") != VERSION:
        raise InputError(f"has format {state.get('version')}, this code reads {VERSION}; delete it", file=file)
    if state.get("run_key") != run_key:
        raise InputError(f"belongs to run {state.get('run_key')}, not to {run_key}; delete it", file=file)


def _fall_back(out_dir: Path, run_key: str, step: int, why: str) -> None:
    file = out_dir / FOLDER / FILE
    with suppress(OSError):
        file.replace(file.with_name(DAMAGED))
    reason = f"{FOLDER}/{FILE} is damaged ({why}) and lies there as {DAMAGED}; going on from step {step}"
    EventLog(out_dir / EVENTS, run_key).write("fell-back", step=step, reason=reason)
    print(f"labeldistill: {out_dir}: {reason}", file=sys.stderr)


def remove_checkpoint(out_dir: Path) -> None:
    """Remove the checkpoint of a finished run."""
    shutil.rmtree(out_dir / FOLDER, ignore_errors=True)
