"""Mean true-positive errors under many weightings of the scenes; see `weighted`."""

import numpy as np
from numpy.typing import NDArray

from labeldistill.evaluation.predictions import Floats
from labeldistill.evaluation.weighted import Ranking, search


def mean_errors(ranking: Ranking, of_hits: Floats, reached: Floats, at_confidence: Floats) -> Floats:
    """[R, 5] errors averaged from the minimum recall to the highest one reached; 1 where that is less.

    Args:
        of_hits: [R, k] weight of each true positive. reached: [R, k] its running sum.
        at_confidence: [R, K] from `weighted.confidence`.
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
    """Where confidences [R, K] fall between the scores of the true positives that have weight."""

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
        """[R, K] running mean of `error` [k] (NaN left out), interpolated as the devkit does over confidence.

        Of equal copies, the devkit's interpolation meets the first one from below and the last one from above.
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
