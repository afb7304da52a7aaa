"""The five true-positive errors of matched pairs, by the devkit's definitions."""

import numpy as np
from numpy.typing import NDArray

from labeldistill.evaluation.ground_truth import GroundTruth
from labeldistill.evaluation.predictions import Floats, Ints, Predictions
from labeldistill.geometry.boxes import heading
from labeldistill.geometry.classes import CLASSES

Rows = NDArray[np.int64]


def pair_errors(
    predictions: Predictions, order: Rows, truth: GroundTruth, wanted: Rows, box: Ints
) -> tuple[Floats, ...]:
    """One array [k, 5] per threshold: the errors of its matches, in the order of the predictions.

    Args:
        predictions: all boxes; `order` [n] are the rows of the scored ones in the devkit's order.
        truth: all annotated boxes; `wanted` [m] are the rows of those that count.
        box: [T, n] index into `wanted`, negative for none.
    """
    keys = [np.flatnonzero(found >= 0) * len(wanted) + found[found >= 0] for found in box]
    unique, index = np.unique(np.concatenate(keys), return_inverse=True)
    rank, found = np.divmod(unique, max(len(wanted), 1))
    errors = _errors(predictions, order[rank], truth, wanted[found])
    ends = np.cumsum([len(k) for k in keys])
    return tuple(errors[index[end - len(k) : end]] for k, end in zip(keys, ends, strict=True))


def _errors(predictions: Predictions, mine: Rows, truth: GroundTruth, theirs: Rows) -> Floats:
    gap = predictions.translation[mine, :2] - truth.translation[theirs, :2]
    drift = predictions.velocity[mine] - truth.velocity[theirs]
    wrong = (predictions.attribute[mine] != truth.attribute[theirs]).astype(np.float64)
    return np.stack(
        [
            np.sqrt((gap * gap).sum(axis=1)),
            1 - _scale_iou(truth.size[theirs], predictions.size[mine]),
            _turn(heading(truth.rotation[theirs]), heading(predictions.rotation[mine]), predictions.label[mine]),
            np.sqrt((drift * drift).sum(axis=1)),
            np.where(truth.attribute[theirs] == 0, np.nan, wrong),
        ],
        axis=1,
    )


def _scale_iou(first: Floats, second: Floats) -> Floats:
    """IoU [k] of boxes with sizes [k, 3] at the same position and heading."""
    common = np.prod(np.minimum(first, second), axis=1)
    return np.asarray(common / (np.prod(first, axis=1) + np.prod(second, axis=1) - common))


def _turn(yaw: Floats, other: Floats, label: NDArray[np.int8]) -> Floats:
    """Angle [k] between two headings, radians; a barrier is symmetric under half a turn."""
    period = np.where(label == CLASSES.index("barrier"), np.pi, 2 * np.pi)
    return np.asarray(np.abs((yaw - other + period / 2) % period - period / 2))
