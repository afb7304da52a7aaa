"""What must hold for predictions that come as columns; the official JSON is checked while it is read."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labeldistill.errors import InputError
from labeldistill.evaluation.predictions import Predictions
from labeldistill.evaluation.protocol import PROTOCOL

Mask = NDArray[np.bool_]


def check_columns(predictions: Predictions, file: str | Path) -> None:
    """Refuse what the devkit refuses.

    Raises:
        InputError: repeated samples, more than 500 boxes a sample, NaN, infinite or non-positive sizes, NaN or infinite
            centres, rotations or scores, a zero quaternion; names the file and the token.
    """
    if len(set(predictions.tokens)) < len(predictions.tokens) or (np.diff(predictions.sample) < 0).any():
        raise InputError("rows are not grouped by sample, or a sample occurs twice", file=file)
    counts = np.diff(predictions.starts)
    if counts.max(initial=0) > PROTOCOL.max_boxes_per_sample:
        token, most = predictions.tokens[int(np.argmax(counts))], PROTOCOL.max_boxes_per_sample
        raise InputError(f"{counts.max()} boxes; at most {most} a sample are allowed", file=file, key=token)
    for bad, why in _broken(predictions):
        if bad.any():
            token = predictions.tokens[predictions.sample[int(np.argmax(bad))]]
            raise InputError(f"{why} ({int(bad.sum())} boxes)", file=file, key=token)


def broken_numbers(predictions: Predictions) -> str:
    """What no box can be: NaN, infinity, a size that is not positive, a zero quaternion; empty where all boxes can.

    A network whose weights or activations are no longer finite predicts such boxes.
    """
    # nuScenes' own velocities may be NaN, none is infinite
    kinds = (*_broken(predictions), (np.isinf(predictions.velocity).any(axis=1), "velocity is infinite"))
    return "; ".join(f"{why} ({int(bad.sum())} of {len(predictions)} boxes)" for bad, why in kinds if bad.any())


def _broken(predictions: Predictions) -> Iterator[tuple[Mask, str]]:
    for name in ("translation", "size", "rotation"):
        yield ~np.isfinite(getattr(predictions, name)).all(axis=1), f"{name} holds NaN or infinity"
    yield ~np.isfinite(predictions.score), "score is NaN or infinite"
    yield (predictions.size <= 0).any(axis=1), "size holds a number that is not positive"
    yield ~predictions.rotation.any(axis=1), "rotation is a zero quaternion"
