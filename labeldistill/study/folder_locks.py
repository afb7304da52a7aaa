"""Freeing what a killed Snakemake left locked in the working folder, if no live process can hold it.

Snakemake locks a study's files in `.snakemake/locks`; when killed, it leaves them locked without saying who it was. So
each Snakemake leaves a note with its process, host and locks, and holds that note by a file lock that ends with the
process. A note of this host that nobody holds belongs to a dead process, whose locks are removed. A note of another
host is left alone and named, because this machine can't tell whether that process is alive.
"""

import atexit
import fcntl
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from labeldistill.errors import InputError
from labeldistill.training.lock import RunLock

LOCKS = Path(".snakemake/locks")
NOTES = Path(".snakemake/labeldistill")


def free_dead_locks(*, unlock: bool) -> None:
    """Free what dead processes left locked, report it, and leave a note of this process.

    To be called by the Snakemake that will lock the folder, not by its jobs.

    Args:
        unlock: the user asked for `--unlock`, which also frees what processes of other hosts left.
    """
    freed: dict[str, int] = {}
    for note in sorted(set(NOTES.glob("*.note")) - {_own_note()}):
        with _if_free(note) as who:
            if who is None:
                continue
            if who.get("host") == socket.gethostname() or unlock:
                freed[_name(who)] = _free([LOCKS / name for name in _locks_of(note)])
                _free([note, _list_beside(note)])
            elif any(LOCKS.glob("*.lock")):
                _say(f"{_name(who)} locked files of this folder; if it is gone: snakemake --unlock")
    if not any(NOTES.glob("*.note")) and not _other_snakemake_here():
        freed["a Snakemake that is gone"] = _free(LOCKS.glob("*.lock"))
    if any(freed.values()):
        _say(f"freed what {', '.join(who for who, count in freed.items() if count)} left locked in {LOCKS}")
    _leave_note()


def note_locks() -> None:
    """Note this process's own locks, after Snakemake has taken them."""
    own = _own_note()
    others = {name for note in NOTES.glob("*.note") if note != own for name in _locks_of(note)}
    locks = sorted(lock.name for lock in LOCKS.glob("*.lock") if lock.name not in others)
    with suppress(OSError):
        _list_beside(own).write_text(json.dumps(locks), encoding="utf-8")


def _own_note() -> Path:
    return NOTES / f"{socket.gethostname()}-{os.getpid()}.note"


def _list_beside(note: Path) -> Path:
    """File with the names of a process's locks; separate because reopening the note would release its lock."""
    return note.with_suffix(".locks")


def _leave_note() -> None:
    lock = RunLock(_own_note())
    with suppress(InputError):  # the folder can't be written, which Snakemake reports itself
        lock.__enter__()

        def leave() -> None:
            _free([_list_beside(_own_note())])
            lock.__exit__(None, None, None)

        atexit.register(leave)


@contextmanager
def _if_free(note: Path) -> Iterator[dict[str, Any] | None]:
    """Yield who left a note, while holding its lock; None if its process holds it or if that can't be determined."""
    try:
        stream = note.open("r+", encoding="utf-8")
    except OSError:
        yield None
        return
    with stream:
        try:
            fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield None
            return
        try:
            who = json.load(stream)
        except ValueError:
            who = {}
        yield who if isinstance(who, dict) else {}


def _locks_of(note: Path) -> list[str]:
    try:
        names = json.loads(_list_beside(note).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [name for name in names if isinstance(name, str) and "/" not in name] if isinstance(names, list) else []


def _free(files: Any) -> int:
    count = 0
    for file in files:
        with suppress(OSError):
            file.unlink()
            count += 1
    return count


def _other_snakemake_here() -> bool:
    """Whether another Snakemake of this host works in this folder; true if that can't be determined."""
    here, processes = Path.cwd(), list(Path("/proc").glob("[0-9]*"))
    if not processes:
        return True
    for process in processes:
        try:
            mine = int(process.name) in (os.getpid(), os.getppid())
            if not mine and (process / "cwd").resolve() == here and b"snakemake" in (process / "cmdline").read_bytes():
                return True
        except OSError:  # it ended, or belongs to another user
            continue
    return False


def _name(who: dict[str, Any]) -> str:
    return f"Snakemake process {who.get('pid', '?')} on {who.get('host', '?')} (since {who.get('since', '?')})"


def _say(what: str) -> None:
    print(f"labeldistill: {what}", file=sys.stderr)
