"""Whether two result files are one: how much of their boxes is the same to the digit, beyond what chance makes so."""

import numpy as np
from numpy.typing import NDArray

from labeldistill.evaluation.predictions import Predictions

MOST_SHARED = 0.1
"""Of the smaller file's boxes. Two trainings share next to none: centre, size and velocity are real numbers."""

_PER_UNIT = 1000
"""Numbers within half a thousandth of their unit (mm, mm/s) are the same."""


def shared_boxes(one: Predictions, other: Predictions) -> float:
    """Share of the smaller file's boxes that the other one has too: same sample, same class and one property equal.

    Each of centre, size and velocity is looked at alone and the largest share counts, so that a file in which all boxes
    were moved, all scores scaled or all sizes changed is still known. What chance makes equal is taken off: the share
    of boxes that are equal to some box of another sample (sizes may be a class's mean, velocities 0).
    """
    if not len(one) or not len(other):
        return 0.0
    found = []
    alone = len(other.tokens) < 2  # no other sample tells what chance makes equal; centres are equal by none
    for name in ("translation",) if alone else ("translation", "size", "velocity"):
        ours, theirs = _rows(one, name), _rows(other, name)
        elsewhere = theirs[:0] if alone else _rows(other, name, shift=1)
        smaller = min(len(np.unique(ours)), len(np.unique(theirs)))
        found.append((_common(ours, theirs) - _common(ours, elsewhere)) / smaller)
    return max(0.0, *found)


def _common(ours: NDArray[np.void], theirs: NDArray[np.void]) -> int:
    return len(np.intersect1d(ours, theirs))


def _rows(found: Predictions, name: str, shift: int = 0) -> NDArray[np.void]:
    """[n] one comparable value per box; `shift`: as if each box were of the sample so many places further on."""
    order = sorted(range(len(found.tokens)), key=found.tokens.__getitem__)
    tokens = np.empty(len(order), dtype=np.int64)
    tokens[order] = [hash(found.tokens[order[(place + shift) % len(order)]]) for place in range(len(order))]
    values = np.round(np.nan_to_num(getattr(found, name)) * _PER_UNIT).astype(np.int64)
    columns = np.column_stack([tokens[found.sample], found.label.astype(np.int64), values])
    return np.ascontiguousarray(columns).view([("", np.int64)] * columns.shape[1]).ravel()
