"""Which boxes count: the devkit's filters by range, by points and by bicycle racks."""

import numpy as np
from numpy.typing import NDArray

from labeldistill.evaluation.ground_truth import GroundTruth, Racks
from labeldistill.evaluation.predictions import Codes, Floats, Ints, Predictions
from labeldistill.evaluation.protocol import PROTOCOL, Protocol
from labeldistill.geometry.classes import CLASSES
from labeldistill.geometry.frames import rotation_matrix

Mask = NDArray[np.bool_]

_RIDDEN = np.isin(CLASSES, ("bicycle", "motorcycle"))


def ego_distance(translation: Floats, ego: Floats) -> Floats:
    """Distance [n] in the xy plane, metres, of centres [n, 3] from the ego positions [n, 3] of their samples."""
    x, y = translation[:, 0] - ego[:, 0], translation[:, 1] - ego[:, 1]
    return np.asarray(np.sqrt(x * x + y * y))


def scored_truth(
    truth: GroundTruth, protocol: Protocol = PROTOCOL, distance_m: tuple[float, float] | None = None
) -> Mask:
    """[n] bool: annotated boxes that count, being in the range of their class, with a point, not in a bicycle rack.

    Args:
        truth: all annotated boxes.
        protocol: ranges of the classes.
        distance_m: for a slice, only boxes from the first (inclusive) to the second distance (exclusive).
    """
    near = _in_range(truth.translation, truth.ego[truth.sample], truth.label, protocol, distance_m)
    near &= truth.points != 0
    return _outside_racks(near, truth.translation, truth.sample, truth.label, truth.racks)


def scored_predictions(
    predictions: Predictions,
    sample: Ints,
    truth: GroundTruth,
    protocol: Protocol = PROTOCOL,
    distance_m: tuple[float, float] | None = None,
) -> Mask:
    """[n] bool: predicted boxes that count.

    Args:
        predictions: all predicted boxes.
        sample: [n] row in `truth.tokens` of each box.
        truth: ego positions and bicycle racks of the samples.
        protocol: ranges of the classes.
        distance_m: for a slice, only boxes from the first (inclusive) to the second distance (exclusive).
    """
    near = _in_range(predictions.translation, truth.ego[sample], predictions.label, protocol, distance_m)
    return _outside_racks(near, predictions.translation, sample, predictions.label, truth.racks)


def _in_range(
    translation: Floats, ego: Floats, label: Codes, protocol: Protocol, distance_m: tuple[float, float] | None
) -> Mask:
    distance = ego_distance(translation, ego)
    near = distance < np.array(protocol.ranges_m)[label]
    if distance_m is not None:
        near &= (distance >= distance_m[0]) & (distance < distance_m[1])
    return np.asarray(near)


def _outside_racks(keep: Mask, translation: Floats, sample: Ints, label: Codes, racks: Racks) -> Mask:
    """`keep` without the bicycles and motorcycles whose centre lies in a rack of their sample."""
    order = np.argsort(racks.sample, kind="stable")
    of_sample = racks.sample[order]
    row = np.flatnonzero(keep & _RIDDEN[label])
    first = np.searchsorted(of_sample, sample[row])
    count = np.searchsorted(of_sample, sample[row], side="right") - first
    box = np.repeat(row, count)
    rack = order[np.arange(count.sum()) - np.repeat(np.cumsum(count) - count - first, count)]
    inside = box[_inside(translation[box], racks, rack)]
    out = keep.copy()
    out[inside] = False
    return out


def _inside(points: Floats, racks: Racks, rack: NDArray[np.int64]) -> Mask:
    """[m] whether each point lies in its rack (faces included), by the devkit's construction from one corner."""
    turn = rotation_matrix(racks.rotation[rack])
    half = racks.size[rack][:, [1, 0, 2]] / 2  # length, width, height
    corner = np.einsum("nij,nj->ni", turn, half) + racks.centre[rack]
    inside = np.ones(len(points), dtype=bool)
    for axis in range(3):
        flipped = half.copy()
        flipped[:, axis] *= -1
        edge = np.einsum("nij,nj->ni", turn, flipped) + racks.centre[rack] - corner
        along = ((points - corner) * edge).sum(axis=1)
        inside &= (along >= 0) & (along <= (edge * edge).sum(axis=1))
    return inside
