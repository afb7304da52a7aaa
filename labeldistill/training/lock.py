"""One process (group) per run folder: a second one stops with a message that names the first."""

import errno
import fcntl
import json
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from labeldistill.errors import InputError

"""Name of the lock in a run's folder."""
STALE_AFTER_S = 600.0
"""On file systems without locks, a lock of another host is stale when untouched for this many seconds."""

_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS}
_held: set[Path] = set()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class RunLock:
    """Exclusive right to write into a folder, held until the process ends, in whatever way.

    The lock is a POSIX record lock on a file: a killed process loses it, and forked loader workers do not inherit it.
    The file's text (pid, host, time) only serves the message.

    Raises:
        InputError: on entering, when another process holds the lock or the folder can't be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._stream: int | None = None

    def __enter__(self) -> "RunLock":
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self._acquired()
            about = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
            os.ftruncate(self._stream, 0)
            os.pwrite(self._stream, json.dumps(about).encode(), 0)
        except OSError as error:
            raise InputError(f"can't be locked: {error.strerror or error}", file=self.path) from error
        _held.add(self.path)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        _held.discard(self.path)
        self.path.unlink(missing_ok=True)
        if self._stream is not None:
            os.close(self._stream)
            self._stream = None

    def touch(self) -> None:
        """Show that the holder is alive, for file systems without locks."""
        if self._stream is not None:
            with suppress(OSError):  # a failed touch must not end the run
                os.utime(self._stream)

    def _acquired(self) -> int:
        if self.path in _held:
            raise self._refusal({"pid": os.getpid(), "host": socket.gethostname()})
        while True:
            stream = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                holder = _holder(stream)
                age = time.time() - os.fstat(stream).st_mtime
                os.close(stream)
                if error.errno not in _NO_LOCKS or _seems_alive(holder, age):
                    raise self._refusal(holder) from error
                return os.open(self.path, os.O_RDWR)
            if self.path.exists() and os.fstat(stream).st_ino == self.path.stat().st_ino:
                return stream
            os.close(stream)  # the holder removed the file between our open and our lock

    def _refusal(self, holder: dict[str, Any]) -> InputError:
        who = f"process {holder.get('pid', '?')} on {holder.get('host', '?')} since {holder.get('since', '?')}"
        return InputError(f"another run is writing into this folder ({who}); wait for it or end it", file=self.path)


def wait_until_free(path: Path, every_s: float = 1.0) -> None:
    """Wait while another process of this machine holds a `RunLock`, and say so once.

    Processes of other machines are not waited for: if one died, its lock may be held until somebody repairs it.
    """
    told = False
    while (who := _held_by(path)) and who.get("host") == socket.gethostname():
        if not told:
            print(
                f"labeldistill: waiting for process {who.get('pid', '?')}, which writes into {path.parent}", flush=True
            )
            told = True
        time.sleep(every_s)


def _held_by(path: Path) -> dict[str, Any] | None:
    try:
        stream = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return None if error.errno in _NO_LOCKS else _holder(stream)
    finally:
        os.close(stream)
    return None


def _holder(stream: int) -> dict[str, Any]:
    try:
        value = json.loads(os.pread(stream, 4096, 0).decode() or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _seems_alive(holder: dict[str, Any], age_s: float) -> bool:
    if not holder:
        return False
    if holder.get("host") == socket.gethostname():
        return _alive(int(holder.get("pid", -1)))
    return age_s < STALE_AFTER_S
