"""Signs of life of a run in its folder: who holds its lock, what it last wrote, where it would resume.

Nothing here waits, locks, writes or imports torch, so that watching never disturbs a run.
"""

import errno
import fcntl
import json
import os
import pickle
import pickletools
import struct
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labeldistill.config.run_files import CHECKPOINT, CHECKPOINT_BEFORE

TAIL_BYTES = 32768
"""The end of an event log that is read; a heartbeat has about 300 bytes, so this covers the last hundred."""

_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS}
# struct flock for fcntl(2), and the position of l_type in it
_FLOCK, _TYPE = ("qqihh", 3) if sys.platform == "darwin" else ("hhqqi4x", 0)


@dataclass(frozen=True)
class Holder:
    """The lock file of a run.

    Attributes:
        locked: whether a process holds it; None if the file system has no locks.
        pid: process that wrote the file, 0 if unknown.
        host: host of that process, empty if unknown.
        changed: when the file was written, seconds since 1970.
    """

    locked: bool | None
    pid: int
    host: str
    changed: float


def lock_holder(file: Path) -> Holder | None:
    """Inspect a lock without ever taking it, because a run that starts meanwhile must not be refused.

    The process that holds the lock must not call this: POSIX locks end when their owner closes the file.

    Returns:
        None if there is no such file.
    """
    try:
        stream = os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        about = _parsed(os.pread(stream, 4096, 0)) or {}
        pid = about.get("pid")
        locked, changed = _locked(stream), os.fstat(stream).st_mtime
        return Holder(locked, pid if isinstance(pid, int) else 0, str(about.get("host", "")), changed)
    finally:
        os.close(stream)


def _locked(stream: int) -> bool | None:
    question = [0] * 5
    question[_TYPE] = fcntl.F_WRLCK
    try:
        answer = fcntl.fcntl(stream, fcntl.F_GETLK, struct.pack(_FLOCK, *question))
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return None
        raise
    return bool(struct.unpack(_FLOCK, answer)[_TYPE] != fcntl.F_UNLCK)


def last_events(file: Path) -> list[dict[str, Any]]:
    """The last events of an event log, oldest first; a line that is being written or was truncated is skipped."""
    try:
        with file.open("rb") as stream:
            start = max(stream.seek(0, os.SEEK_END) - TAIL_BYTES, 0)
            stream.seek(start)
            lines = stream.read().splitlines()
    except FileNotFoundError:
        return []
    found = (_parsed(line) for line in (lines[1:] if start else lines))
    return [value for value in found if value is not None and "event" in value]


def _parsed(text: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def checkpoint_step(run_folder: Path) -> int | None:
    """The optimiser step after which the run's last readable checkpoint was written; None without one.

    Its pickle is scanned up to the number but never executed.
    """
    steps = (_step_of(run_folder / file) for file in (CHECKPOINT, CHECKPOINT_BEFORE))
    return next((step for step in steps if step is not None), None)


def _step_of(file: Path) -> int | None:
    try:
        with zipfile.ZipFile(file) as archive:
            name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
            with archive.open(name) as stream:
                return _number_after("step", stream)
    except (OSError, zipfile.BadZipFile, StopIteration, ValueError, pickle.UnpicklingError):
        return None


def _number_after(key: str, stream: Any) -> int | None:
    seen = False
    for operation, value, _ in pickletools.genops(stream):
        if "PUT" in operation.name or operation.name == "MEMOIZE":
            continue  # comes between a key and its value
        if seen:
            return value if isinstance(value, int) else None
        seen = value == key
    return None
