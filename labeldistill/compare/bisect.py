"""The commit that made a study worse: binary search over history, with a sequential test at each commit looked at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil, log2
from statistics import fmean

from labeldistill.errors import InputError
from labeldistill.statistics.equivalence import Verdict
from labeldistill.statistics.sequential import SequentialDesign, looks_at, sequential_decision, sequential_design

Measure = Callable[[str, int], "dict[int, float] | None"]
"""Commit, number of seeds -> value per seed in the metric's unit; None where the commit is broken."""


class Side(StrEnum):
    """Where a commit belongs."""

    good = "good"
    bad = "bad"
    broken = "broken"


@dataclass(frozen=True)
class Looked:
    """One commit that was looked at: `difference` to the good one, over `seeds` seeds."""

    commit: str
    side: Side
    seeds: int
    difference: float
    reason: str


@dataclass(frozen=True)
class Search:
    """What is searched.

    Attributes:
        commits: oldest first, from the good one to the bad one.
        measure: gives their scores.
        seeds, per_look: most seeds of a commit, and after how many each look comes.
        higher_is_better: of the metric.
        alpha: chance of calling any commit bad that is as good as the first, over the whole search.
    """

    commits: Sequence[str]
    measure: Measure
    seeds: int
    per_look: int = 1
    higher_is_better: bool = True
    alpha: float = 0.05
    tell: Callable[[Looked], None] = field(default=lambda looked: None)


@dataclass(frozen=True)
class Found:
    """The first bad commit, or several where broken ones hide which; none where no regression is shown at all."""

    suspects: list[str]
    looked: list[Looked]


def bisect(search: Search) -> Found:
    """Search; the good and the bad end are looked at first.

    Raises:
        InputError: fewer than two commits, or an end that is broken.
    """
    if len(search.commits) < 2:
        raise InputError("nothing lies between the good and the bad commit")
    judge = _Judge(search)
    last = len(search.commits) - 1
    if judge.look(last).side is not Side.bad:
        return Found([], judge.looked)
    good, bad, broken = 0, last, set[int]()
    while places := [at for at in range(good + 1, bad) if at not in broken]:
        middle = min(places, key=lambda at: (abs(2 * at - good - bad), at))
        side = judge.look(middle).side
        if side is Side.broken:
            broken.add(middle)
        elif side is Side.good:
            good = middle
        else:
            bad = middle
    return Found(list(search.commits[good + 1 : bad + 1]), judge.looked)


class _Judge:
    """Judges commits against the good end, on the same seeds."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self.looked: list[Looked] = []
        most = ceil(log2(len(search.commits))) + 1
        self._design: SequentialDesign = sequential_design(looks_at(search.seeds, search.per_look), search.alpha / most)
        good = search.measure(search.commits[0], search.seeds)
        if not good:
            raise InputError("the good commit is broken: it has no score", file=search.commits[0])
        self._good = good
        self._bad: float | None = None

    def look(self, at: int) -> Looked:
        """Run as many seeds of a commit as settle it."""
        commit, differences = self._search.commits[at], list[float]()
        found = Looked(commit, Side.broken, 0, float("nan"), "it has no score")
        for look in self._design.looks:
            values = self._search.measure(commit, look.seeds)
            shared = [seed for seed in self._good if values and seed in values][: look.seeds]
            if not values or len(shared) < look.seeds:
                break
            differences = [values[seed] - self._good[seed] for seed in shared]
            decision = sequential_decision(differences, self._design, higher_is_better=self._search.higher_is_better)
            verdict = decision.judgement.verdict
            side = Side.bad if verdict is Verdict.WORSE else Side.good
            found = Looked(commit, side, len(differences), fmean(differences), f"{verdict}, {decision.reason}")
            if verdict in (Verdict.WORSE, Verdict.BETTER):
                break
        else:
            found = self._nearer(found)
        if self._bad is None and found.side is Side.bad:
            self._bad = found.difference
        self.looked.append(found)
        self._search.tell(found)
        return found

    def _nearer(self, found: Looked) -> Looked:
        """After the last look without a verdict: the end that is nearer, once the bad end is known to be bad."""
        if self._bad is None or found.side is Side.bad:
            return found
        nearer = Side.bad if abs(found.difference - self._bad) < abs(found.difference) else Side.good
        return Looked(
            found.commit, nearer, found.seeds, found.difference, f"{found.reason}; nearer to the {nearer} end"
        )
