"""Matching of all samples, classes and thresholds at once, with the outcome of the devkit's loop over predictions.

The devkit goes through the predictions of a class by score and assigns each the nearest free box of its sample. All
predictions choosing at once give the same result: a prediction may take its nearest free box as soon as no prediction
before it can still want that box. Each round settles at least the first open prediction of every cluster; a few rounds
settle all.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labeldistill.evaluation.eligible import scored_predictions, scored_truth
from labeldistill.evaluation.ground_truth import GroundTruth
from labeldistill.evaluation.matches import NOTHING, Found, Matches
from labeldistill.evaluation.pair_errors import pair_errors
from labeldistill.evaluation.predictions import Floats, Ints, Predictions
from labeldistill.evaluation.protocol import PROTOCOL, Protocol
from labeldistill.geometry.classes import CLASSES

Rows = NDArray[np.int64]

_SLACK_M = 1e-3
"""Added to the search window so that rounding never loses a pair; the distances themselves are exact."""


@dataclass(frozen=True)
class _Pairs:
    """Candidates: prediction (by rank) and box, grouped by prediction, each group from near to far.

    Attributes:
        rank: [k] position of the prediction in the devkit's order. box: [k] row of the truth.
        distance: [k] metres.
    """

    rank: Rows
    box: Rows
    distance: Floats


def match(
    predictions: Predictions,
    truth: GroundTruth,
    protocol: Protocol = PROTOCOL,
    distance_m: tuple[float, float] | None = None,
) -> Matches:
    """Match predictions with ground truth.

    Args:
        predictions: boxes of exactly the samples of `truth`; the order of samples and boxes breaks ties of scores.
        truth: all annotated boxes, unfiltered.
        protocol: ranges and thresholds.
        distance_m: for a slice, only boxes (of both) between these two distances from the ego vehicle.

    Raises:
        InputError: samples other than those of the ground truth.
    """
    sample = sample_rows(predictions, truth)
    kept = np.flatnonzero(scored_predictions(predictions, sample, truth, protocol, distance_m))
    wanted = np.flatnonzero(scored_truth(truth, protocol, distance_m))
    order = kept[devkit_order(predictions.label[kept], predictions.score[kept])]
    pairs = _candidates(predictions, sample, order, truth, wanted, protocol)
    box = np.full((len(protocol.thresholds_m), len(order)), NOTHING, dtype=np.int32)
    for index, threshold in enumerate(protocol.thresholds_m):
        near = pairs.distance < threshold
        _settle(pairs.rank[near], pairs.box[near], box[index], len(wanted))
    return Matches(
        protocol=protocol,
        scene_names=truth.scene_names,
        label=predictions.label[order],
        score=predictions.score[order],
        scene=truth.scene[sample[order]],
        box=box,
        errors=pair_errors(predictions, order, truth, wanted, box),
        truth=Found(
            truth.label[wanted], truth.scene[truth.sample[wanted]], truth.visibility[wanted], truth.lidar_points[wanted]
        ),
    )


def sample_rows(predictions: Predictions, truth: GroundTruth) -> Ints:
    """[n] row in `truth.tokens` of each predicted box.

    Raises:
        InputError: a sample that only one of the two has, by name.
    """
    from labeldistill.evaluation.prediction_checks import check_samples

    check_samples(predictions.tokens, truth.tokens)
    position = {token: row for row, token in enumerate(truth.tokens)}
    of_token = np.fromiter((position[t] for t in predictions.tokens), dtype=np.int32, count=len(predictions.tokens))
    return np.asarray(of_token[predictions.sample])


def devkit_order(label: NDArray[np.int8], score: Floats) -> Rows:
    """Rows by class ascending, then score descending, then row number descending."""
    parts = []
    for code in range(len(CLASSES)):
        rows = np.flatnonzero(label == code)
        parts.append(rows[np.argsort(score[rows], kind="stable")[::-1]])
    return np.asarray(np.concatenate(parts), dtype=np.int64)


def _candidates(
    predictions: Predictions, sample: Ints, order: Rows, truth: GroundTruth, wanted: Rows, protocol: Protocol
) -> _Pairs:
    """All pairs of one class and sample that are closer than the widest threshold, found through sorted x positions."""
    reach = max(protocol.thresholds_m) + _SLACK_M
    lane = 2 * (max(protocol.ranges_m) + reach)

    def place(x: Floats, label: NDArray[np.int8], row: Ints) -> Floats:
        return np.asarray((label.astype(np.int64) * len(truth.tokens) + row) * lane + (x - truth.ego[row, 0]))

    at = place(truth.translation[wanted, 0], truth.label[wanted], truth.sample[wanted])
    by_place = np.argsort(at, kind="stable")
    mine = place(predictions.translation[:, 0], predictions.label, sample)  # row order: neighbours search together
    first = np.searchsorted(at[by_place], mine - reach)[order]
    count = np.searchsorted(at[by_place], mine + reach)[order] - first
    rank = np.repeat(np.arange(len(order)), count)
    box = by_place[np.arange(len(rank)) - np.repeat(np.cumsum(count) - count - first, count)]
    gap = predictions.translation[order[rank], :2] - truth.translation[wanted[box], :2]
    near = np.abs(gap[:, 1]) < reach
    rank, box, distance = rank[near], box[near], norm(gap[near])
    near = distance < max(protocol.thresholds_m)
    return _near_to_far(rank[near], box[near], distance[near])


def norm(gap: Floats) -> Floats:
    """Lengths [k] of vectors [k, 2], bit for bit those of `np.linalg.norm` of each (a BLAS dot product)."""
    return np.asarray(np.sqrt(np.matmul(gap[:, None, :], gap[:, :, None])[:, 0, 0]))


def _near_to_far(rank: Rows, box: Rows, distance: Floats) -> _Pairs:
    """Sort each prediction's candidates by distance, then by row of the truth (the devkit keeps the first)."""
    several = np.zeros(len(rank), dtype=bool)
    several[1:] = rank[1:] == rank[:-1]
    several[:-1] |= several[1:]
    rows = np.flatnonzero(several)
    order = np.arange(len(rank))
    order[rows] = rows[np.lexsort((box[rows], distance[rows], rank[rows]))]
    return _Pairs(rank, box[order], distance[order])


def _settle(rank: Rows, box: Rows, found: Ints, boxes: int) -> None:
    """Fill `found` [n] with the box of each prediction that gets one, given all pairs below one threshold."""
    taken = np.zeros(boxes, dtype=bool)
    ahead = np.empty(boxes, dtype=np.int64)
    while len(rank):
        nearest = np.ones(len(rank), dtype=bool)
        nearest[1:] = rank[1:] != rank[:-1]
        ahead[box[::-1]] = rank[::-1]  # the last one written is kept: the first prediction in line that wants the box
        sure = nearest & (ahead[box] == rank)
        found[rank[sure]] = box[sure]
        taken[box[sure]] = True
        still = ~taken[box] & (found[rank] == NOTHING)
        rank, box = rank[still], box[still]
