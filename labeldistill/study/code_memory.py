"""What was found in a module's source, remembered while its file stays the same: a plan parses only what changed.

A file is the same while size, both times, inode and device are. The time of change (`ctime`) moves with every write and
every `utime`, and nobody can set it. As in git's index, a file that changed just now is not remembered: one more edit
could fall into the same tick of the disk's clock.
"""

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from labeldistill.errors import InputError
from labeldistill.files import read_json, write_text

_JUST_NOW_NS = 2 * 10**9
Found = tuple[str, frozenset[str]]
"""Hash of what counts in a module, and the dotted names of this package that it imports."""


class CodeMemory:
    """Remembers, beside byte code, what `ask` found in each module.

    Args:
        folder: where the file of memories lies; one that can't be written only costs time.
        rules: files whose code finds what is remembered; another content, and nothing of before is known.
    """

    def __init__(self, folder: Path, rules: Iterable[Path]) -> None:
        self._file = folder / "code-hashes.json"
        rule = hashlib.sha256(b"\0".join(file.read_bytes() for file in rules)).hexdigest()
        self._version = f"{rule} {sys.version}"
        self._known = self._read()
        self._changed = False

    def _read(self) -> dict[str, tuple[list[int], str, list[str]]]:
        with suppress(InputError, TypeError, ValueError, KeyError):
            kept = read_json(self._file)
            if kept["version"] == self._version:
                return {
                    name: (list(stamp), str(sum_), list(names)) for name, (stamp, sum_, names) in kept["of"].items()
                }
        return {}

    def of(self, module: str, file: Path, ask: Callable[[str], Found]) -> Found:
        """What `ask` finds in the source of a module, or found when the file was the same."""
        stamp = _stamp(file)
        known = self._known.get(module)
        if known is not None and known[0] == stamp:
            return known[1], frozenset(known[2])
        found = ask(file.read_text(encoding="utf-8"))
        if stamp == _stamp(file) and time.time_ns() - max(stamp[1], stamp[2]) > _JUST_NOW_NS:
            self._known[module] = (stamp, found[0], sorted(found[1]))
            self._changed = True
        return found

    def save(self) -> None:
        """Keep what is new for the next process."""
        if self._changed:
            self._changed = False
            with suppress(InputError):
                write_text(self._file, json.dumps({"version": self._version, "of": self._known}))


def _stamp(file: Path) -> list[int]:
    facts = os.stat(file)  # noqa: PTH116  hundreds of files before every plan: this is the cheap call
    return [facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, facts.st_dev]
