"""How our values are compared with recorded ones; each comparison is a row of the parity table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

OUTPUT_LIMIT = 1e-4  # of the largest recorded value
LOSS_LIMIT = 1e-5  # relative
GRADIENT_LIMIT = 1e-3  # relative L2
DEEP_GRADIENT_LIMIT = 2e-2  # relative L2; ResNet-50 and end-to-end cases, see noise_floor.json of the golden folder


@dataclass(frozen=True)
class Comparison:
    """One compared value: passes when `error <= limit` (NaN fails)."""

    what: str
    error: float
    limit: float

    @property
    def passed(self) -> bool:
        """Whether the error is within its limit."""
        return bool(self.error <= self.limit)


def _numpy(value: Any) -> np.ndarray[Any, Any]:
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    return np.asarray(value)


def _pair(ours: Any, theirs: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None:
    a, b = _numpy(ours).astype(np.float64), _numpy(theirs).astype(np.float64)
    same_gaps = a.shape == b.shape and np.array_equal(np.isnan(a), np.isnan(b))
    return (np.nan_to_num(a), np.nan_to_num(b)) if same_gaps else None


def output(what: str, ours: Any, theirs: Any, limit: float = OUTPUT_LIMIT) -> Comparison:
    """Largest absolute difference over the largest recorded magnitude.

    Args:
        what: name of the value.
        ours: our value.
        theirs: the recorded value.
        limit: largest error that passes.

    Returns:
        The comparison; its error is infinite for another shape or pattern of NaN.
    """
    pair = _pair(ours, theirs)
    if pair is None:
        return Comparison(what, float("inf"), limit)
    a, b = pair
    if a.size == 0:
        return Comparison(what, 0.0, limit)
    return Comparison(what, float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-12)), limit)


def loss(what: str, ours: Any, theirs: Any, limit: float = LOSS_LIMIT) -> Comparison:
    """Relative difference of a scalar; NaN equals NaN.

    Args:
        what: name of the value.
        ours: our value.
        theirs: the recorded value.
        limit: largest error that passes.
    """
    return output(what, ours, theirs, limit)


def gradient(what: str, ours: Any, theirs: Any, limit: float = GRADIENT_LIMIT) -> Comparison:
    """Relative L2 distance; a gradient of all zeros must be all zeros.

    Args:
        what: name of the value.
        ours: our value.
        theirs: the recorded value.
        limit: largest error that passes.
    """
    pair = _pair(ours, theirs)
    if pair is None:
        return Comparison(what, float("inf"), limit)
    a, b = pair
    norm = float(np.linalg.norm(b))
    distance = float(np.linalg.norm(a - b))
    if norm < 1e-12:
        return Comparison(what, distance, limit)
    return Comparison(what, distance / norm, limit)


def exact(what: str, ours: Any, theirs: Any) -> Comparison:
    """Zero if equal in every element (integers, masks, keys, random draws), otherwise the number of differences."""
    if isinstance(theirs, (str, dict)) or (
        isinstance(theirs, Sequence) and not isinstance(theirs, Tensor) and any(isinstance(t, str) for t in theirs)
    ):
        return Comparison(what, 0.0 if ours == theirs else 1.0, 0.0)
    a, b = _numpy(ours), _numpy(theirs)
    if a.shape != b.shape:
        return Comparison(what, float("inf"), 0.0)
    return Comparison(what, float(np.count_nonzero(a != b)), 0.0)
