"""What the last look at many files found (names, sizes, change times, content), in one file that opens quickly."""

from __future__ import annotations

import hashlib
import json
from array import array
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from labeldistill.errors import InputError
from labeldistill.files import written_whole
from labeldistill.nuscenes.many_files import Stats

UNREAD = bytes(32)
"""Stored instead of a SHA-256 where the content was not read."""
_FORMAT = 1


@dataclass(frozen=True)
class Fingerprint:
    """The fingerprint of a study's sensor files.

    Attributes:
        sha256: hash of names, sizes and the content that was read.
        files: number of files, missing ones included.
        missing: number of missing files.
        bytes: size of all files together.
        read: number of files whose content is part of the hash.
    """

    sha256: str
    files: int
    missing: int
    bytes: int
    read: int


@dataclass
class SeenFiles:
    """A look at files. Per file: size in bytes (-1: missing), time in ns, SHA-256 of its content (zeros: not read).

    Where the content counts, the time is the change time, which nobody can set back; elsewhere it is the modification
    time, because permissions and links of a copy may change without harm.
    """

    names: list[str]
    sizes: array[int]
    times: array[int]
    sums: bytearray
    folders: dict[str, int]
    """Folder -> its modification time: a different one means that files were added, removed or replaced."""
    fingerprint: Fingerprint | None = None

    def counts(self, row: int) -> bool:
        """Whether the content of a file is part of the fingerprint."""
        return self.sums[32 * row : 32 * row + 32] != UNREAD

    def time_of(self, row: int, stats: Stats, place: int) -> int:
        """The time that counts for a file, from the stats at `place`."""
        return stats.change_times[place] if self.counts(row) else stats.content_times[place]

    def told(self) -> Fingerprint:
        """The fingerprint of this look."""
        total = hashlib.sha256("\0".join(self.names).encode())
        total.update(self.sizes.tobytes())
        total.update(self.sums)
        there = [size for size in self.sizes if size >= 0]
        read = sum(self.counts(row) for row in range(len(self.names)))
        return Fingerprint(total.hexdigest(), len(self.names), len(self.names) - len(there), sum(there), read)

    def remember(self, memory: Path) -> Fingerprint:
        """Write the look to a file, if that is possible, and return its fingerprint."""
        told = self.told()
        names = "\0".join(self.names).encode()
        head = {"format": _FORMAT, "names": len(names), "folders": self.folders, "fingerprint": asdict(told)}
        with suppress(InputError), written_whole(memory) as temporary, temporary.open("wb") as stream:
            stream.write(json.dumps(head).encode() + b"\n" + names)
            for part in (self.sizes.tobytes(), self.times.tobytes(), self.sums):
                stream.write(part)
        return told

    @classmethod
    def recall(cls, memory: Path) -> SeenFiles | None:
        """The look that `remember` wrote; None if there is none or the file is damaged."""
        try:
            head, rest = memory.read_bytes().split(b"\n", 1)
            facts = json.loads(head)
            told, end = Fingerprint(**facts["fingerprint"]), facts["names"]
            count = told.files
            if facts["format"] != _FORMAT or len(rest) != end + 48 * count:
                return None
            names = rest[:end].decode().split("\0") if count else []
            sizes, times = array("q", rest[end : end + 8 * count]), array("q", rest[end + 8 * count : end + 16 * count])
            return cls(names, sizes, times, bytearray(rest[end + 16 * count :]), dict(facts["folders"]), told)
        except (OSError, ValueError, KeyError, TypeError):
            return None
