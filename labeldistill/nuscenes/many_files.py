"""Queries about many files in parallel: a network disk answers sixteen as fast as one."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

THREADS = 16
CHUNK = 2000
Answer = TypeVar("Answer")


class Stats(NamedTuple):
    """Per file: size in bytes (-1: missing), and the times in ns when its content and anything about it changed."""

    sizes: array[int]
    content_times: array[int]
    change_times: array[int]


def stats_of(root: Path, names: Sequence[str]) -> Stats:
    """Sizes and times of files below `root`."""

    def some(start: int) -> Stats:
        found = Stats(array("q"), array("q"), array("q"))
        for name in names[start : start + CHUNK]:
            try:
                facts = os.stat(f"{root}/{name}")  # noqa: PTH116  half a million files: this is the cheap call
                values = (facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
            except (OSError, ValueError):
                values = (-1, 0, 0)
            for part, value in zip(found, values, strict=True):
                part.append(value)
        return found

    whole = Stats(array("q"), array("q"), array("q"))
    with ThreadPoolExecutor(THREADS) as pool:
        for found in pool.map(some, range(0, len(names), CHUNK)):
            for part, more in zip(whole, found, strict=True):
                part.extend(more)
    return whole


def asked_of(question: Callable[[str], Answer], names: Sequence[str], chunk: int = 32) -> Iterator[Answer]:
    """Yield the answer for each file, in order, while later ones are still being asked.

    Args:
        question: called with each name, in several threads.
        names: names of the files.
        chunk: number of names per task of a thread.

    Raises:
        What the question raises.
    """

    def some(start: int) -> list[Answer]:
        return [question(name) for name in names[start : start + chunk]]

    with ThreadPoolExecutor(THREADS) as pool:
        for part in pool.map(some, range(0, len(names), chunk)):
            yield from part
