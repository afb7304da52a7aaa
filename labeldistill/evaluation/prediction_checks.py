"""Checks of predictions: they cover exactly the samples of a split, and their boxes have possible values.

The values of an official JSON are checked while it is read (`box_columns`).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labeldistill.errors import InputError
from labeldistill.evaluation.predictions import Predictions
from labeldistill.evaluation.protocol import PROTOCOL
from labeldistill.geometry.classes import CLASSES

Mask = NDArray[np.bool_]


class OtherSamplesError(InputError):
    """Predictions of samples other than those that are scored; `tokens` are the samples that they have."""

    def __init__(self, message: str, tokens: frozenset[str], *, file: str | Path | None, key: str) -> None:
        """Make the message.

        Args:
            message, file, key: as in `InputError`.
            tokens: the samples that the file has.
        """
        super().__init__(message, file=file, key=key)
        self.tokens = tokens


def check_samples(
    predicted: Iterable[str], expected: Iterable[str], *, file: str | Path | None = None, split: Iterable[str] = ()
) -> None:
    """Compare sample tokens.

    Args:
        predicted: tokens with an entry in the predictions (possibly without boxes).
        expected: tokens that are evaluated.
        file: the predictions' file, for the message.
        split: further tokens that may have an entry (the whole split if only a part is evaluated).

    Raises:
        OtherSamplesError: an unknown or missing sample; names the file and the token.
    """
    have, need = frozenset(predicted), frozenset(expected)
    unknown = have.difference(need, split)
    if unknown:
        message = f"unknown sample token: the evaluated split has no such sample ({len(unknown)} unknown in all)"
        raise OtherSamplesError(message, have, file=file, key=min(unknown))
    missing = need - have
    if missing:
        message = f"sample has no entry ({len(missing)} of {len(need)} are missing); samples without boxes need one too"
        raise OtherSamplesError(message, have, file=file, key=min(missing))


def check_columns(predictions: Predictions, file: str | Path) -> None:
    """Refuse whatever the devkit refuses.

    Raises:
        InputError: repeated samples, more than 500 boxes in a sample, sizes that are NaN, infinite or not positive,
            centres, rotations or scores that are NaN or infinite, infinite velocities, a zero quaternion, scores
            outside 0..1; names file and token.
    """
    if len(set(predictions.tokens)) < len(predictions.tokens) or (np.diff(predictions.sample) < 0).any():
        raise InputError("rows are not grouped by sample, or a sample is duplicated", file=file)
    counts = np.diff(predictions.starts)
    if counts.max(initial=0) > PROTOCOL.max_boxes_per_sample:
        token, most = predictions.tokens[int(np.argmax(counts))], PROTOCOL.max_boxes_per_sample
        raise InputError(f"{counts.max()} boxes; at most {most} per sample are allowed", file=file, key=token)
    for bad, why in _broken(predictions):
        if bad.any():
            token = predictions.tokens[predictions.sample[int(np.argmax(bad))]]
            raise InputError(f"{why} ({int(bad.sum())} boxes)", file=file, key=token)
    check_scores(predictions, file)


def check_scores(predictions: Predictions, file: str | Path) -> None:
    """Refuse scores outside 0..1: the devkit sorts by them, but its curves over confidence are invalid.

    Raises:
        InputError: names the file, the class and the range of its scores.
    """
    outside = (predictions.score < 0) | (predictions.score > 1)
    if not outside.any():
        return
    classes = np.unique(predictions.label[outside])
    ranges = []
    for label in classes:
        own = predictions.score[predictions.label == label]
        ranges.append(f"{CLASSES[label]} ({own.min():.4g} to {own.max():.4g})")
    cause = "percent?" if predictions.score.min() >= 0 and predictions.score.max() <= 100 else "logits?"
    message = f"scores outside 0..1, which the devkit can't score, of {', '.join(ranges)}; {cause}"
    raise InputError(message, file=file, key="detection_score")


def broken_numbers(predictions: Predictions) -> str:
    """Impossible values of boxes in words (NaN, infinity, a size that is not positive, a zero quaternion); empty if
    none.

    Such boxes are predicted by a network whose weights or activations are no longer finite.
    """
    found = ((bad, why) for bad, why in _broken(predictions) if bad.any())
    return "; ".join(f"{why} ({int(bad.sum())} of {len(predictions)} boxes)" for bad, why in found)


def _broken(predictions: Predictions) -> Iterator[tuple[Mask, str]]:
    for name in ("translation", "size", "rotation"):
        yield ~np.isfinite(getattr(predictions, name)).all(axis=1), f"{name} holds NaN or infinity"
    # nuScenes' own velocities may be NaN but are never infinite
    yield np.isinf(predictions.velocity).any(axis=1), "velocity is infinite"
    yield ~np.isfinite(predictions.score), "score is NaN or infinite"
    yield (predictions.size <= 0).any(axis=1), "size holds a number that is not positive"
    yield ~predictions.rotation.any(axis=1), "rotation is a zero quaternion"
