"""Asking the disk about many files at a time: a network disk answers sixteen questions as fast as one."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

THREADS = 16
CHUNK = 2000
Answer = TypeVar("Answer")


def stats_of(root: Path, names: Sequence[str]) -> tuple[array[int], array[int]]:
    """Size in bytes and time of change in ns of each file below `root`; -1 and 0 where it is missing."""

    def some(start: int) -> tuple[array[int], array[int]]:
        sizes, times = array("q"), array("q")
        for name in names[start : start + CHUNK]:
            try:
                found = os.stat(f"{root}/{name}")  # noqa: PTH116  half a million files: this is the cheap call
                sizes.append(found.st_size)
                times.append(found.st_mtime_ns)
            except (OSError, ValueError):
                sizes.append(-1)
                times.append(0)
        return sizes, times

    sizes, times = array("q"), array("q")
    with ThreadPoolExecutor(THREADS) as pool:
        for part in pool.map(some, range(0, len(names), CHUNK)):
            sizes += part[0]
            times += part[1]
    return sizes, times


def asked_of(question: Callable[[str], Answer], names: Sequence[str], chunk: int = 32) -> Iterator[Answer]:
    """The answer of each file, in order, while others are still asked.

    Args:
        question: asked of each name, in several threads.
        names: of the files.
        chunk: names that a thread takes at a time.

    Raises:
        What the question raises.
    """

    def some(start: int) -> list[Answer]:
        return [question(name) for name in names[start : start + chunk]]

    with ThreadPoolExecutor(THREADS) as pool:
        for part in pool.map(some, range(0, len(names), chunk)):
            yield from part
