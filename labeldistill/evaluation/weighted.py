"""One class at one threshold under many weightings of the scenes, as if each were repeated `weight` times.

A prediction of weight w represents w equal predictions in a row. The devkit would step through them one by one, so its
curve passes through every copy; here, points of that staircase are computed without building it. Copies of one
prediction are neighbours in the order. Only if two different predictions of a class have the same score could the
devkit's order of a resampled data set interleave their copies, which is the only difference.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from labeldistill.evaluation.curves import RECALL
from labeldistill.evaluation.matches import IGNORED, Matches
from labeldistill.evaluation.predictions import Floats, Ints
from labeldistill.evaluation.protocol import Protocol

Rows = NDArray[np.int64]


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
    def last_before(self) -> Ints:
        """[k + 1, S] row of each scene's last prediction before each true positive, -1 for none."""
        rows = np.arange(len(self.score))
        place = np.searchsorted(self.hit, rows)  # a true positive is not before itself, but before the next one
        place[self.hit] += 1
        last = np.full((len(self.hit) + 1, self.scenes), -1, dtype=np.int32)
        last[place, self.scene] = rows  # ascending, so that the last one written is kept
        return np.maximum.accumulate(last, axis=0)


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
    ahead: Floats
    false: Floats
    inside: NDArray[np.bool_]
    ends: NDArray[np.bool_]
    part: Floats


def search(sorted_rows: Floats, values: Floats, span: float, side: str) -> Rows:
    """Row-wise `numpy.searchsorted`.

    Args:
        sorted_rows: [R, k] ascending values, at least 0.
        values: [R, K] values, at least 0.
        span: exceeds every value by at least 1.
        side: as in `numpy.searchsorted`.

    Returns:
        [R, K] insertion positions within each row.
    """
    shift = np.arange(len(sorted_rows))[:, None] * span
    flat = np.searchsorted((sorted_rows + shift).ravel(), (values + shift).ravel(), side=side)  # type: ignore[call-overload]
    return np.asarray(flat.reshape(values.shape) - np.arange(len(values))[:, None] * sorted_rows.shape[1])


def cut(ranking: Ranking, weights: Floats, reached: Floats, wanted: Floats, recall: Floats) -> Cut:
    """Locate the recalls on every staircase.

    Args:
        weights: [R, S]. reached: [R, k] running weight of the true positives. wanted: [R] number of annotated boxes, >
            0.
        recall: [K].
    """
    total = reached[:, -1:]
    below = np.floor(recall * wanted[:, None])
    below += (below + 1) / wanted[:, None] <= recall  # the devkit compares the rounded quotients
    below -= below / wanted[:, None] > recall
    span = float(max(total.max(), wanted.max()) + 2)
    at = search(reached, below, span, "right")
    ahead = np.where(at > 0, np.take_along_axis(reached, np.maximum(at - 1, 0), axis=1), 0.0)
    false = np.matmul(ranking.false_before[at], weights[:, :, None])[:, :, 0]
    low, high = below / wanted[:, None], (below + 1) / wanted[:, None]
    return Cut(
        below=below,
        at=at,
        ahead=ahead,
        false=false,
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
    rows = np.where(weights[:, None, :] > 0, ranking.last_before[cuts.at], -1).max(axis=2)
    before = ranking.score[np.maximum(rows, 0)]
    high = ranking.score[ranking.hit[np.minimum(cuts.at, len(ranking.hit) - 1)]]
    same = (cuts.below > cuts.ahead) | (rows < 0)  # another copy of the same prediction, or nothing before it
    low = np.where(same, high, before)
    between = low + (high - low) * cuts.part
    return np.where(cuts.inside, between, np.where(cuts.ends, before, 0.0))


def mean_errors(ranking: Ranking, of_hits: Floats, reached: Floats, at_confidence: Floats) -> Floats:
    """[R, 5] errors averaged from the minimum recall to the highest one reached; 1 if that is lower.

    Args:
        of_hits: [R, k] weight of each true positive. reached: [R, k] its running sum.
        at_confidence: [R, K] from `confidence`.
    """
    points = at_confidence.shape[1]
    nonzero = at_confidence != 0
    last = np.where(nonzero.any(axis=1), points - 1 - np.argmax(nonzero[:, ::-1], axis=1), -1)
    wanted = np.arange(points) <= last[:, None]
    place = _Places(ranking, reached, at_confidence)
    out = np.ones((len(reached), ranking.errors.shape[1]))
    for column, error in enumerate(ranking.errors.T):
        curve = place.interpolated(error, of_hits)
        total = np.where(wanted, curve, 0.0).sum(axis=1)
        out[:, column] = np.where(last >= 0, total / np.maximum(last + 1, 1), 1.0)
    return out


class _Places:
    """The position of confidences [R, K] among the scores of true positives with weight."""

    def __init__(self, ranking: Ranking, reached: Floats, at: Floats) -> None:
        score = ranking.score[ranking.hit]
        self._reached, self._end = reached, len(score) - 1
        static = np.searchsorted(-score, -at.ravel()).reshape(at.shape)  # true positives with a higher score
        before = np.where(static > 0, np.take_along_axis(reached, np.maximum(static - 1, 0), axis=1), 0.0)
        span = float(reached[:, -1].max() + 2)
        lower = search(reached, before, span, "right")  # the first with weight among those with at most this score
        upper = np.minimum(search(reached, before, span, "left"), self._end)  # the last with weight above them
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
        total = np.cumsum(weighted, axis=1)
        count = self._reached if known.all() else np.cumsum(of_hits * known, axis=1)
        sums, counts = (self._take(values) for values in (total, count))
        above = _ratio(sums, counts)  # the last copy of the nearest one with a higher score
        first = _ratio(sums + number[self.lower], counts + known[self.lower])
        value = np.where(self.alone, first, first + (above - first) * self.part)
        value = np.where(self.beyond, _ratio(total[:, -1:], count[:, -1:]), value)
        return np.where(count[:, -1:] == 0, 1.0, value)

    def _take(self, running: Floats) -> Floats:
        at = np.take_along_axis(running, np.maximum(self.previous, 0), axis=1)
        return np.where(self.previous >= 0, at, 0.0)


def _ratio(total: NDArray[np.float64], count: NDArray[np.float64]) -> Floats:
    return np.divide(total, count, out=np.zeros_like(total), where=count != 0)
