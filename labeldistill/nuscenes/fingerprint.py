"""A fingerprint of the sensor files that a study reads, cheap enough to check whenever a study is planned.

It covers the name and size of every file and the content of some: of all files if they hold at most WHOLE_BYTES, else
of SAMPLED_BYTES of them, always the same ones. It contains no path of this machine and no time, so equal data have the
same fingerprint everywhere.

A file whose content counts is read again when its size or change time differs from the last look. Where only a part of
the data is read, any other file is read once its size or modification time changes after the first look, and its
content counts from then on. Such a look cannot notice a file whose size and modification time were preserved (`cp -p`
over it), nor what was different before the first look. `read_all` reads everything.
"""

from __future__ import annotations

import sys
import time
from array import array
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from labeldistill.errors import InputError
from labeldistill.files import file_sha256, written_whole
from labeldistill.nuscenes.many_files import CHUNK, Stats, asked_of, stats_of
from labeldistill.nuscenes.seen_files import UNREAD, Fingerprint, SeenFiles

WHOLE_BYTES = 4 * 2**30
SAMPLED_BYTES = 256 * 2**20
MOST_CHANGED = 1000
"""Up to this many changed files beside the sampled ones are read again; more look like another copy of the data."""
LOOK_S = 0.7
"""Planning looks at as many files as it can in this time, least recently seen first; a check looks at all."""

_JUST_NOW_NS = 2 * 10**9
Progress = Callable[[int, int], None]
"""Called with (files read, files in all)."""


class UnlistedError(InputError):
    """The tables do not say which files exist."""


class SensorFiles:
    """The sensor files of a study in one folder, and what the last look at them found.

    Args:
        dataroot: the folder.
        names: lists the files, relative to the folder; called only at the first look.
        memory: the file that stores the last look.
    """

    def __init__(self, dataroot: Path, names: Callable[[], Iterable[str]], memory: Path) -> None:
        self.root, self._names, self.memory = dataroot, names, memory

    def fingerprint(self, seconds: float | None = LOOK_S) -> Fingerprint:
        """Look at the files and read those that changed.

        Args:
            seconds: longest time to look for; None looks at every file. So do a first look, and one after files were
                added, removed or replaced.

        Raises:
            UnlistedError: the tables do not say which files there are.
            InputError: so many files changed that this may be another copy of the data, or one can't be read.
        """
        seen = SeenFiles.recall(self.memory)
        if seen is None:
            seen = self._first_look()
            return seen.remember(self.memory)
        folders = self._folders(seen.names)
        rows, stats = self._looked_at(seen, None if folders != seen.folders else seconds)
        changed = [
            place
            for place, row in enumerate(rows)
            if stats.sizes[place] != seen.sizes[row] or seen.time_of(row, stats, place) != seen.times[row]
        ]
        if not changed and folders == seen.folders and seen.fingerprint is not None:
            return seen.fingerprint
        # files were added: other files may now be in the sample
        if any(seen.sizes[rows[place]] < 0 for place in changed):
            return self._first_look(also=self._beside_the_choice(seen)).remember(self.memory)
        self._take_in(seen, [(rows[place], place) for place in changed], stats)
        seen.folders = folders
        return seen.remember(self.memory)

    def read_all(self, progress: Progress | None = None) -> tuple[Fingerprint, list[str] | None]:
        """Read every file whole.

        Args:
            progress: called as files are read.

        Returns:
            The fingerprint now, and the files whose content differs from when it was last read and counts in the
            fingerprint from now on; None if most were never read before, so that nothing can be said.

        Raises:
            InputError: a file can't be read.
        """
        seen = SeenFiles.recall(self.memory) or self._first_look()
        earlier = self._sums_of_all(len(seen.names)) or bytes(seen.sums)
        known = sum(earlier[32 * row : 32 * row + 32] != UNREAD for row in range(len(seen.names)))
        rows = range(len(seen.names))
        stats = stats_of(self.root, seen.names)
        now = self._sums(seen.names, stats.sizes, progress)
        changed = []
        for row in rows:
            before, new = earlier[32 * row : 32 * row + 32], now[32 * row : 32 * row + 32]
            different = before not in (UNREAD, new)
            if different or seen.counts(row):
                seen.sums[32 * row : 32 * row + 32] = new
            if different:
                changed.append(seen.names[row])
        seen.sizes, seen.folders = stats.sizes, self._folders(seen.names)
        seen.times = array("q", (seen.time_of(row, stats, row) for row in rows))
        told = seen.remember(self.memory)
        with suppress(InputError), written_whole(self._memory_of_all) as temporary:
            temporary.write_bytes(now)
        return told, changed if 2 * known >= len(rows) else None

    # -- looking ------------------------------------------------------------------------------------------------------

    def _first_look(self, also: Iterable[int] = ()) -> SeenFiles:
        """Look at all files, and read the sampled ones and the rows `also`."""
        try:
            names = sorted(set(self._names()))
        except InputError as error:
            raise UnlistedError(str(error)) from error
        stats = stats_of(self.root, names)
        rows = sorted({*_chosen(names, stats.sizes), *also})
        content = sum(stats.sizes[row] for row in rows)
        if content > SAMPLED_BYTES:
            print(f"labeldistill: {self.root}: reading {content / 1e9:.1f} GB of sensor files once", file=sys.stderr)
        unread = bytearray(32 * len(names))
        seen = SeenFiles(names, stats.sizes, array("q", stats.content_times), unread, self._folders(names))
        self._read(seen, [(row, row) for row in rows], stats)
        return seen

    @staticmethod
    def _beside_the_choice(seen: SeenFiles) -> list[int]:
        """Rows outside the sample whose content counts because it changed."""
        chosen = set(_chosen(seen.names, seen.sizes))
        return [row for row in range(len(seen.names)) if seen.counts(row) and row not in chosen]

    def _looked_at(self, seen: SeenFiles, seconds: float | None) -> tuple[Sequence[int], Stats]:
        """Rows that were looked at, starting where the last look stopped, and their stats."""
        count, begun = len(seen.names), time.monotonic()
        if seconds is None or count <= CHUNK:
            return range(count), stats_of(self.root, seen.names)
        start, rows = self._position(count), list[int]()
        stats = Stats(array("q"), array("q"), array("q"))
        while not rows or (len(rows) < count and time.monotonic() - begun < seconds):
            some = [(start + len(rows) + i) % count for i in range(min(8 * CHUNK, count - len(rows)))]
            found = stats_of(self.root, [seen.names[row] for row in some])
            rows += some
            for part, more in zip(stats, found, strict=True):
                part.extend(more)
        if len(rows) < count:
            with suppress(InputError), written_whole(self._memory_of_position) as temporary:
                temporary.write_text(str((start + len(rows)) % count), encoding="utf-8")
        return rows, stats

    def _folders(self, names: Iterable[str]) -> dict[str, int]:
        folders = sorted({name.rpartition("/")[0] for name in names})
        times = stats_of(self.root, folders).content_times
        return dict(zip(folders, times, strict=True))

    # -- reading ------------------------------------------------------------------------------------------------------

    def _take_in(self, seen: SeenFiles, changed: Sequence[tuple[int, int]], stats: Stats) -> None:
        """Read files that changed, given as (row, place in the stats)."""
        beside = [row for row, place in changed if not seen.counts(row) and stats.sizes[place] >= 0]
        if len(beside) > MOST_CHANGED:
            raise InputError(
                f"{len(beside)} sensor files changed since the last look, {seen.names[beside[0]]} first; "
                f"`labeldistill check-data --whole` reads all and says whether their content did",
                file=self.root,
            )
        for row, place in changed:
            seen.sizes[row] = stats.sizes[place]
        self._read(seen, changed, stats)

    def _read(self, seen: SeenFiles, files: Sequence[tuple[int, int]], stats: Stats) -> None:
        rows = [row for row, _ in files]
        sums = self._sums([seen.names[row] for row in rows], [seen.sizes[row] for row in rows])
        recent = time.time_ns() - _JUST_NOW_NS
        for number, (row, place) in enumerate(files):
            seen.sums[32 * row : 32 * row + 32] = sums[32 * number : 32 * number + 32]
            changed_at = seen.time_of(row, stats, place)
            # a file changed just now may change again within one tick of the clock
            seen.times[row] = -1 if changed_at > recent else changed_at

    def _sums(self, names: Sequence[str], sizes: Sequence[int], progress: Progress | None = None) -> bytearray:
        """SHA-256 of files, 32 bytes each, zeros for missing ones."""

        def one(name: str) -> bytes:
            return bytes.fromhex(file_sha256(f"{self.root}/{name}"))

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


def _chosen(names: Sequence[str], sizes: Sequence[int]) -> Sequence[int]:
    """Rows of the files whose content counts: all of small data, an even choice of large ones."""
    total = sum(size for size in sizes if size > 0)
    if total <= WHOLE_BYTES:
        return range(len(names))
    from labeldistill.nuscenes.study_files import sampled  # not needed once the files have been seen

    return sampled(names, int(SAMPLED_BYTES * len(names) / total) + 1)
