"""One class at one threshold under many weightings of the scenes, as if each were repeated `weight` times.

A prediction of weight w represents w equal predictions in a row. The devkit would step through them one by one, so its
curve passes through every copy; here, points of that staircase are computed without building it. Copies of one
prediction are neighbours in the order. Only if two different predictions of a class have the same score could the
devkit's order of a resampled data set interleave their copies, which is the only difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from labeldistill.evaluation.curves import RECALL
from labeldistill.evaluation.matches import IGNORED, Matches
from labeldistill.evaluation.predictions import Floats, Ints
from labeldistill.evaluation.protocol import Protocol

Rows = NDArray[np.int64]

_DENSE = 60
"""Up to so many true positives per recall, a product over all of them costs less than gathering the recalls' rows."""


def recall_points(protocol: Protocol) -> Floats:
    """[K] recalls over which AP and errors are averaged."""
    return RECALL[round(100 * protocol.min_recall) + 1 :]


@dataclass(frozen=True)
class Ranking:
    """What does not depend on the weighting: k true positives, S scenes.

    Attributes:
        score: [n] scores of the counted predictions, descending. scene: [n].
        hit: [k] rows of the true positives.
        errors: [k, 5].
        scenes: S.
    """

    score: Floats
    scene: Ints
    hit: Rows
    errors: Floats
    scenes: int

    @classmethod
    def of(cls, matches: Matches, name: str, threshold: int) -> "Ranking":
        """The ranking of one class (name) at one threshold (index)."""
        rows = matches.of_class(name)
        box = matches.box[threshold, rows]
        counted = box != IGNORED
        return cls(
            score=matches.score[rows][counted],
            scene=matches.scene[rows][counted],
            hit=np.flatnonzero(box[counted] >= 0),
            errors=matches.errors_of(name, threshold),
            scenes=len(matches.scene_names),
        )

    @cached_property
    def false_before(self) -> Floats:
        """[k + 1, S] number of false positives per scene before each true positive; the last row counts all."""
        false = np.ones(len(self.score), dtype=bool)
        false[self.hit] = False
        place = np.searchsorted(self.hit, np.flatnonzero(false))
        cell = place * self.scenes + self.scene[false]
        count = np.bincount(cell, minlength=(len(self.hit) + 1) * self.scenes)
        return np.asarray(np.cumsum(count.reshape(-1, self.scenes), axis=0), dtype=np.float64)

    @cached_property
    def other_scene_before(self) -> Rows:
        """[n] the last row before each one that is of another scene; -1 for none."""
        change = np.flatnonzero(np.append(True, self.scene[1:] != self.scene[:-1]))
        return np.asarray(np.repeat(change - 1, np.diff(np.append(change, len(self.scene)))))

    def weight_of_false(self, at: Rows, weights: Floats) -> Floats:
        """[R, K] weight of the false positives before the true positives `at` [R, K] under weights [R, S].

        Whole numbers, so single precision is exact below 2^24. One matrix product gives them at every true positive;
        for many of these, only what is needed is gathered.
        """
        count = self.false_before
        kind = np.float32 if float((weights @ count[-1]).max()) < 2**24 else np.float64
        count, weights = count.astype(kind, copy=False), weights.astype(kind)
        if len(count) <= _DENSE * at.shape[1]:
            return np.asarray(np.take_along_axis(weights @ count.T, at, axis=1), dtype=np.float64)
        return np.asarray(np.matmul(count[at], weights[:, :, None])[:, :, 0], dtype=np.float64)

    def last_before(self, at: Rows, weights: Floats) -> Rows:
        """[R, K] row of the last prediction with weight before each true positive `at` [R, K]; -1 for none."""
        row = np.append(self.hit, len(self.score))[at] - 1
        line = np.broadcast_to(np.arange(len(at))[:, None], at.shape)
        todo = np.flatnonzero(row.ravel() >= 0)
        flat, lines = row.ravel(), line.ravel()
        while len(todo := todo[weights[lines[todo], self.scene[flat[todo]]] == 0]):
            flat[todo] = self.other_scene_before[flat[todo]]
            todo = todo[flat[todo] >= 0]
        return flat.reshape(at.shape)


class Reached:
    """Running weight of the true positives under each of R weightings, all rows in one ascending array.

    Args:
        of_hits: [R, k] weight of each true positive, whole numbers.
    """

    def __init__(self, of_hits: NDArray[np.int32]) -> None:
        self.rows, self.hits = of_hits.shape
        small = int(of_hits.sum(dtype=np.int64)) < 2**31 - 1
        self._flat = np.cumsum(of_hits.ravel(), dtype=np.int32 if small else np.int64)
        self._most = int(np.iinfo(np.int32 if small else np.int64).max)
        ends = self._flat[self.hits - 1 :: self.hits].astype(np.int64)
        self.total = np.diff(ends, prepend=0)
        self._start = (ends - self.total)[:, None]
        self._first = np.arange(self.rows)[:, None] * self.hits

    def search(self, values: NDArray[np.int64], side: Literal["left", "right"]) -> Rows:
        """Row-wise `numpy.searchsorted` of whole numbers [R, K] >= 0."""
        wanted = np.minimum(values + self._start, self._most).astype(self._flat.dtype)
        found = np.searchsorted(self._flat, wanted.ravel(), side=side)
        return np.asarray(np.clip(found.reshape(values.shape) - self._first, 0, self.hits))

    def before(self, at: Rows) -> NDArray[np.int64]:
        """[R, K] weight of the true positives before those with index `at`, 0..k."""
        running = self._flat[np.maximum(self._first + at - 1, 0)] - self._start
        return np.where(at > 0, running, 0)


@dataclass(frozen=True)
class Cut:
    """The position of K recalls on the staircase of each of R weightings; all arrays are [R, K].

    Attributes:
        below: number of true positives (counting copies) up to the cut.
        at: index of the true positive in which the cut lies; k if all are below it.
        ahead: weight of the true positives before that one.
        false: weight of the false positives before it.
        inside: whether the curve continues beyond the cut; ends: whether it ends exactly there.
        part: position of the cut between two points of the staircase, 0..1.
    """

    below: Floats
    at: Rows
    ahead: Rows
    false: Floats
    inside: NDArray[np.bool_]
    ends: NDArray[np.bool_]
    part: Floats


def cut(ranking: Ranking, weights: Floats, reached: Reached, wanted: Floats, recall: Floats) -> Cut:
    """Locate the recalls on every staircase.

    Args:
        weights: [R, S]. reached: running weight of the true positives. wanted: [R] number of annotated boxes, > 0.
        recall: [K].
    """
    total = reached.total[:, None]
    below = np.floor(recall * wanted[:, None])
    below += (below + 1) / wanted[:, None] <= recall  # the devkit compares the rounded quotients
    below -= below / wanted[:, None] > recall
    at = reached.search(below.astype(np.int64), "right")
    low, high = below / wanted[:, None], (below + 1) / wanted[:, None]
    return Cut(
        below=below,
        at=at,
        ahead=reached.before(at),
        false=ranking.weight_of_false(at, weights),
        inside=below < total,
        ends=(below == total) & (low == recall),
        part=(recall - low) / (high - low),
    )


def precision(cuts: Cut) -> Floats:
    """[R, K] interpolated precision; 0 beyond the highest recall."""
    low = cuts.below / np.maximum(cuts.below + cuts.false, 1)
    high = (cuts.below + 1) / (cuts.below + 1 + cuts.false)
    first = (cuts.below == 0) & (cuts.false == 0)  # if the first prediction is true, the curve is flat to the left
    between = np.where(first, high, low + (high - low) * cuts.part)
    return np.where(cuts.inside, between, np.where(cuts.ends, low, 0.0))


def confidence(ranking: Ranking, cuts: Cut, weights: Floats) -> Floats:
    """[R, K] interpolated confidence; 0 beyond the highest recall."""
    rows = ranking.last_before(cuts.at, weights)
    before = ranking.score[np.maximum(rows, 0)]
    high = ranking.score[ranking.hit[np.minimum(cuts.at, len(ranking.hit) - 1)]]
    same = (cuts.below > cuts.ahead) | (rows < 0)  # another copy of the same prediction, or nothing before it
    low = np.where(same, high, before)
    between = low + (high - low) * cuts.part
    return np.where(cuts.inside, between, np.where(cuts.ends, before, 0.0))


def mean_errors(
    ranking: Ranking, of_hits: NDArray[np.int32], reached: Reached, at_confidence: Floats, wanted_errors: Sequence[int]
) -> Floats:
    """[R, 5] errors averaged from the minimum recall to the highest one reached; 1 if that is lower.

    Args:
        ranking: of the true positives.
        of_hits: [R, k] weight of each true positive. reached: its running sum.
        at_confidence: [R, K] from `confidence`.
        wanted_errors: columns that are computed; the others are 1.
    """
    points = at_confidence.shape[1]
    nonzero = at_confidence != 0
    last = np.where(nonzero.any(axis=1), points - 1 - np.argmax(nonzero[:, ::-1], axis=1), -1)
    wanted = np.arange(points) <= last[:, None]
    place = _Places(ranking, reached, at_confidence)
    out = np.ones((reached.rows, ranking.errors.shape[1]))
    weights = of_hits.astype(np.float64)
    for column in wanted_errors:
        curve = place.interpolated(ranking.errors[:, column], weights)
        total = np.where(wanted, curve, 0.0).sum(axis=1)
        out[:, column] = np.where(last >= 0, total / np.maximum(last + 1, 1), 1.0)
    return out


class _Places:
    """The position of confidences [R, K] among the scores of true positives with weight."""

    def __init__(self, ranking: Ranking, reached: Reached, at: Floats) -> None:
        score = ranking.score[ranking.hit]
        self._reached, self._end = reached, len(score) - 1
        static = np.searchsorted(-score, -at.ravel()).reshape(at.shape)  # true positives with a higher score
        before = reached.before(static)
        lower = reached.search(before, "right")  # the first with weight among those with at most this score
        upper = np.minimum(reached.search(before, "left"), self._end)  # the last with weight above them
        self.alone, self.beyond = before == 0, lower > self._end
        self.previous, self.lower = lower - 1, np.minimum(lower, self._end)
        gap = score[upper] - score[self.lower]
        self.part = np.where(gap > 0, (at - score[self.lower]) / np.where(gap > 0, gap, 1.0), 0.0)

    def interpolated(self, error: Floats, of_hits: Floats) -> Floats:
        """[R, K] running mean of `error` [k] (without NaN), interpolated over confidence as in the devkit.

        Among equal copies, the devkit's interpolation uses the first one from below and the last one from above.
        """
        known = ~np.isnan(error)
        number = np.where(known, error, 0.0)
        with np.errstate(invalid="ignore"):
            weighted = of_hits * number
        if not np.isfinite(number).all():
            weighted[of_hits == 0] = 0.0
        running = np.cumsum(weighted, axis=1, out=weighted)
        sums, total = self._upto(running), running[:, -1:]
        if known.all():
            counts, count = self._reached.before(self.previous + 1), self._reached.total[:, None]
        else:
            kept = np.cumsum(np.where(known, of_hits, 0.0), axis=1)
            counts, count = self._upto(kept), kept[:, -1:]
        above = _ratio(sums, counts)  # the last copy of the nearest one with a higher score
        first = _ratio(sums + number[self.lower], counts + known[self.lower])
        value = np.where(self.alone, first, first + (above - first) * self.part)
        value = np.where(self.beyond, _ratio(total, count), value)
        return np.where(count == 0, 1.0, value)

    def _upto(self, running: NDArray[Any]) -> NDArray[Any]:
        at = np.take_along_axis(running, np.maximum(self.previous, 0), axis=1)
        return np.where(self.previous >= 0, at, 0)


def _ratio(total: Floats, count: NDArray[np.int64]) -> Floats:
    return np.divide(total, count, out=np.zeros_like(total), where=count != 0)
