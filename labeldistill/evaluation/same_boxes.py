"""Whether two result files come from the same run: how many of their boxes are equal to the millimetre."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeldistill.evaluation.predictions import Predictions

MOST_SHARED = 0.1
"""Share of the smaller file's boxes. Two trainings share almost none, since a centre is three real numbers."""


def shared_boxes(one: Predictions, other: Predictions) -> float:
    """Share of the smaller file's boxes that the other one has too: same sample, class and centre within 1 mm."""
    if not len(one) or not len(other):
        return 0.0
    ours, theirs = _rows(one), _rows(other)
    both = np.intersect1d(ours, theirs, assume_unique=False)
    return float(len(both) / min(len(np.unique(ours)), len(np.unique(theirs))))


def _rows(found: Predictions) -> NDArray[Any]:
    """[n] one comparable value per box."""
    tokens = np.array([hash(token) for token in found.tokens], dtype=np.int64)
    centre = np.round(found.translation * 1000).astype(np.int64)
    columns = np.column_stack([tokens[found.sample], found.label.astype(np.int64), centre])
    return np.ascontiguousarray(columns).view([("", np.int64)] * columns.shape[1]).ravel()
