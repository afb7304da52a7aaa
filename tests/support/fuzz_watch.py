"""What a reader does beside reading: files written elsewhere, pickles, processes, memory. For a process of its own."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

WRITES = {"os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"}
FORBIDDEN = {
    "pickle.find_class",
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "socket.connect",
    "ctypes.dlopen",
    "tempfile.mkstemp",
    "tempfile.mkdtemp",
}
ALLOWANCE = 64 * 2**20
"""Bytes by which a batch of small files may raise a process's memory; a sound one raises it by less than half of it."""


class Watch:
    """Collects what happens while it is armed. An audit hook can't be removed: one per process.

    Args:
        folder: where a reader may write.
    """

    def __init__(self, folder: Path) -> None:
        self.armed = False
        self.seen: list[str] = []
        self._inside = os.fspath(folder.resolve())
        sys.dont_write_bytecode = True
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.armed:
            return
        if event in FORBIDDEN:
            self.seen.append(f"{event} {arguments}"[:200])
        elif event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
                self._written(event, path)
        elif event in WRITES:
            for path in arguments:
                if isinstance(path, str | bytes | os.PathLike):
                    self._written(event, path)

    def _written(self, event: str, path: Any) -> None:
        if isinstance(path, int):
            return
        where = os.path.realpath(os.fspath(path))
        if not os.fsdecode(where).startswith(self._inside):
            self.seen.append(f"{event} of {path!r}"[:200])

    def taken(self) -> str:
        """What was seen since the last call, in words."""
        found, self.seen = "; ".join(self.seen[:3]), []
        return found


def forget_peak() -> None:
    """Let the peak of this process's memory begin anew, where the kernel allows it."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def memory() -> tuple[int, int]:
    """Bytes in memory now, and at their peak since `forget_peak`; zeros where there is no /proc."""
    found = {"VmRSS": 0, "VmHWM": 0}
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name in found:
                found[name] = int(value.split()[0]) * 1024
    return found["VmRSS"], found["VmHWM"]
