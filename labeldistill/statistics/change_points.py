"""Where a series of versions steps: binary segmentation with a permutation test of single runs.

The series that reports make are short (a few versions) and each point has several runs. Penalised segmentations (PELT
and its kin) have no error rate on such series, so a step is found the older way (Scott and Knott, 1974): the split
into two parts with the largest Welch t, tested by permuting the runs over the versions, then each part again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from statistics import fmean, variance

import numpy as np

PERMUTATIONS = 999
FEWEST = 3
"""Fewer runs on a side than these show no step."""


@dataclass(frozen=True)
class Step:
    """A step before version number `at` (the first is 0): mean after less mean before, and its p value."""

    at: int
    size: float
    p: float


def steps(versions: Sequence[Sequence[float]], alpha: float = 0.05, seed: int = 0) -> list[Step]:
    """The steps of a series, in order.

    Args:
        versions: runs of each version, oldest first.
        alpha: a test of the whole series passes by chance at most this often; its parts are tested only after it did.
        seed: of the permutations.
    """
    drawn = np.random.default_rng(seed)
    found: list[Step] = []
    todo = [(0, len(versions))]
    while todo:
        start, end = todo.pop()
        best = _largest([list(map(float, runs)) for runs in versions[start:end]], drawn)
        if best is not None and best.p <= alpha:
            found.append(Step(start + best.at, best.size, best.p))
            todo += [(start, start + best.at), (start + best.at, end)]
    return sorted(found, key=lambda step: step.at)


def _largest(versions: list[list[float]], drawn: np.random.Generator) -> Step | None:
    """The split with the largest t, and how often permuted runs have one as large."""
    runs = np.array([value for version in versions for value in version])
    ends = np.cumsum([len(version) for version in versions])[:-1].tolist()
    places = [(at, int(end)) for at, end in enumerate(ends, start=1) if end >= FEWEST and len(runs) - end >= FEWEST]
    if not places:
        return None
    at, end = max(places, key=lambda place: _t(runs, place[1]))
    seen = _t(runs, end)
    if not seen > 0:
        return None
    as_large = sum(_most(drawn.permutation(runs), places) >= seen for _ in range(PERMUTATIONS))
    size = fmean(runs[end:].tolist()) - fmean(runs[:end].tolist())
    return Step(at, size, (1 + as_large) / (1 + PERMUTATIONS))


def _most(runs: "np.ndarray[tuple[int], np.dtype[np.float64]]", places: list[tuple[int, int]]) -> float:
    return max(_t(runs, end) for _, end in places)


def _t(runs: "np.ndarray[tuple[int], np.dtype[np.float64]]", end: int) -> float:
    """Absolute Welch t of the runs before and from `end` on; infinite where both sides vary by nothing but differ."""
    before, after = runs[:end].tolist(), runs[end:].tolist()
    error = hypot((variance(before) / len(before)) ** 0.5, (variance(after) / len(after)) ** 0.5)
    apart = abs(fmean(after) - fmean(before))
    return apart / error if error > 0 else (float("inf") if apart > 0 else 0.0)
