"""A fingerprint of the sensor files that a study reads, cheap enough for every plan, and what was last seen of them.

It is made of every file's name and size and of the content of some: of all where they hold WHOLE_BYTES at most, else
of SAMPLED_BYTES of them, always the same ones. It holds no path of this machine and no time, so equal data have one
fingerprint everywhere.

A file is read again when its size or time of change is another than at the last look. On data that are read in part, a
file that is not among those but changed after the first look is read too, and its content counts from then on. A look
can't see a file of the same size and time whose content is another (`cp -p` over it, a disk that lies), nor, on data
that are read in part, what was different before the first look: `read_all` reads everything.
"""

from __future__ import annotations

import hashlib
import sys
import time
from array import array
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from labeldistill.errors import InputError
from labeldistill.files import written_whole
from labeldistill.nuscenes.many_files import CHUNK, asked_of, stats_of
from labeldistill.nuscenes.seen_files import UNREAD, Fingerprint, SeenFiles

WHOLE_BYTES = 4 * 2**30
SAMPLED_BYTES = 256 * 2**20
MOST_CHANGED = 1000
"""So many files beside the sampled ones are read anew when they changed; more look like another copy of the data."""
LOOK_S = 0.7
"""A plan looks at as many files as it can in this time, the longest unseen first; a check looks at all."""

_JUST_NOW_NS = 2 * 10**9
Progress = Callable[[int, int], None]
"""Called with (files read, files in all)."""


class UnlistedError(InputError):
    """The tables do not say which files there are."""


class SensorFiles:
    """The sensor files of a study in one folder, and what was last seen of them.

    Args:
        dataroot: the folder.
        names: lists the files, relative to the folder; asked only when nothing was seen yet.
        memory: the file that keeps the last look.
    """

    def __init__(self, dataroot: Path, names: Callable[[], Iterable[str]], memory: Path) -> None:
        self.root, self._names, self.memory = dataroot, names, memory

    def fingerprint(self, seconds: float | None = LOOK_S) -> Fingerprint:
        """Look at the files and read those that changed.

        Args:
            seconds: how long to look at most; None: at every file. A first look is at every file, too, and so is one
                after files were added, removed or replaced.

        Raises:
            UnlistedError: the tables do not say which files there are.
            InputError: too many changed to be told from another copy, or one can't be read.
        """
        seen = SeenFiles.recall(self.memory)
        if seen is None:
            seen = self._first_look()
            return seen.remember(self.memory)
        folders = self._folders(seen.names)
        rows, sizes, times = self._looked_at(seen, None if folders != seen.folders else seconds)
        changed = [
            row
            for row, size, changed_at in zip(rows, sizes, times, strict=True)
            if size != seen.sizes[row] or changed_at != seen.times[row]
        ]
        if not changed and folders == seen.folders and seen.fingerprint is not None:
            return seen.fingerprint
        for row, size, changed_at in zip(rows, sizes, times, strict=True):
            seen.sizes[row], seen.times[row] = size, changed_at
        self._reread(seen, changed)
        seen.folders = folders
        return seen.remember(self.memory)

    def read_all(self, progress: Progress | None = None) -> tuple[Fingerprint, list[str] | None]:
        """Read every file whole.

        Args:
            progress: called as files are read.

        Returns:
            The fingerprint now, and the files whose content is another than when it was last read, which is part of
            the fingerprint from now on; None where most were never read before, so that nothing can be told.

        Raises:
            InputError: a file can't be read.
        """
        seen = SeenFiles.recall(self.memory) or self._first_look()
        earlier = self._sums_of_all(len(seen.names)) or bytes(seen.sums)
        known = sum(earlier[32 * row : 32 * row + 32] != UNREAD for row in range(len(seen.names)))
        rows = range(len(seen.names))
        sizes, times = stats_of(self.root, seen.names)
        now = self._sums(seen.names, sizes, progress)
        changed = []
        for row in rows:
            before, new = earlier[32 * row : 32 * row + 32], now[32 * row : 32 * row + 32]
            different = before not in (UNREAD, new)
            if different or seen.counts(row):
                seen.sums[32 * row : 32 * row + 32] = new
            if different:
                changed.append(seen.names[row])
        seen.sizes, seen.times, seen.folders = sizes, times, self._folders(seen.names)
        told = seen.remember(self.memory)
        with suppress(InputError), written_whole(self._memory_of_all) as temporary:
            temporary.write_bytes(now)
        return told, changed if 2 * known >= len(rows) else None

    # -- looking ------------------------------------------------------------------------------------------------------

    def _first_look(self) -> SeenFiles:
        from labeldistill.nuscenes.study_files import sampled  # not for a plan that has seen the files before

        try:
            names = sorted(set(self._names()))
        except InputError as error:
            raise UnlistedError(str(error)) from error
        sizes, times = stats_of(self.root, names)
        total = sum(size for size in sizes if size > 0)
        rows: Sequence[int] = range(len(names))
        if total > WHOLE_BYTES:
            rows = sampled(names, int(SAMPLED_BYTES * len(names) / total) + 1)
        content = min(total, WHOLE_BYTES if len(rows) == len(names) else SAMPLED_BYTES)
        if content > SAMPLED_BYTES:
            print(f"labeldistill: {self.root}: reading {content / 1e9:.1f} GB of sensor files once", file=sys.stderr)
        seen = SeenFiles(names, sizes, times, bytearray(32 * len(names)), self._folders(names))
        self._read(seen, rows)
        return seen

    def _looked_at(self, seen: SeenFiles, seconds: float | None) -> tuple[Sequence[int], array[int], array[int]]:
        """Rows that were looked at, from where the last look stopped, with their sizes and times."""
        count, begun = len(seen.names), time.monotonic()
        if seconds is None or count <= CHUNK:
            return range(count), *stats_of(self.root, seen.names)
        start, rows = self._position(count), list[int]()
        sizes, times = array("q"), array("q")
        while not rows or (len(rows) < count and time.monotonic() - begun < seconds):
            some = [(start + len(rows) + i) % count for i in range(min(8 * CHUNK, count - len(rows)))]
            found = stats_of(self.root, [seen.names[row] for row in some])
            rows += some
            sizes += found[0]
            times += found[1]
        if len(rows) < count:
            with suppress(InputError), written_whole(self._memory_of_position) as temporary:
                temporary.write_text(str((start + len(rows)) % count), encoding="utf-8")
        return rows, sizes, times

    def _folders(self, names: Iterable[str]) -> dict[str, int]:
        folders = sorted({name.rpartition("/")[0] for name in names})
        times = stats_of(self.root, folders)[1]
        return dict(zip(folders, times, strict=True))

    # -- reading ------------------------------------------------------------------------------------------------------

    def _reread(self, seen: SeenFiles, changed: Sequence[int]) -> None:
        beside = [row for row in changed if not seen.counts(row) and seen.sizes[row] >= 0]
        if len(beside) > MOST_CHANGED:
            raise InputError(
                f"{len(beside)} sensor files changed since the last look, {seen.names[beside[0]]} first; "
                f"`labeldistill check-data --whole` reads all and says whether their content did",
                file=self.root,
            )
        self._read(seen, changed)

    def _read(self, seen: SeenFiles, rows: Sequence[int]) -> None:
        sums = self._sums([seen.names[row] for row in rows], [seen.sizes[row] for row in rows])
        recent = time.time_ns() - _JUST_NOW_NS
        for place, row in enumerate(rows):
            seen.sums[32 * row : 32 * row + 32] = sums[32 * place : 32 * place + 32]
            if seen.times[row] > recent:  # it may change again within the clock's tick
                seen.times[row] = -1

    def _sums(self, names: Sequence[str], sizes: Sequence[int], progress: Progress | None = None) -> bytearray:
        """SHA-256 of files, 32 bytes each, zeros for missing ones."""

        def one(name: str) -> bytes:
            try:
                with open(f"{self.root}/{name}", "rb") as stream:  # noqa: PTH123  as in `stats_of`
                    return hashlib.file_digest(stream, "sha256").digest()
            except OSError as error:
                raise InputError(f"can't be read: {error.strerror or error}", file=self.root / name) from error

        there = [name for name, size in zip(names, sizes, strict=True) if size >= 0]
        answers = asked_of(one, there)
        found = bytearray()
        for done, size in enumerate(sizes, start=1):
            found += next(answers) if size >= 0 else UNREAD
            if progress is not None and (done % 256 == 0 or done == len(sizes)):
                progress(done, len(sizes))
        return found

    # -- remembering --------------------------------------------------------------------------------------------------

    @property
    def _memory_of_all(self) -> Path:
        return self.memory.with_suffix(".all")

    @property
    def _memory_of_position(self) -> Path:
        return self.memory.with_suffix(".position")

    def _position(self, count: int) -> int:
        try:
            return int(self._memory_of_position.read_text(encoding="utf-8")) % count
        except (OSError, ValueError):
            return 0

    def _sums_of_all(self, count: int) -> bytes | None:
        try:
            sums = self._memory_of_all.read_bytes()
        except OSError:
            return None
        return sums if len(sums) == 32 * count else None
