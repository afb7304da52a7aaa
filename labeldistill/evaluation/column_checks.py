"""What must hold for predictions that come as columns; the official JSON is checked while it is read."""

from pathlib import Path

import numpy as np

from labeldistill.errors import InputError
from labeldistill.evaluation.predictions import Predictions
from labeldistill.evaluation.protocol import PROTOCOL


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
    for name in ("translation", "size", "rotation"):
        _refuse(
            predictions, ~np.isfinite(getattr(predictions, name)).all(axis=1), f"{name} holds NaN or infinity", file
        )
    _refuse(predictions, ~np.isfinite(predictions.score), "score is NaN or infinite", file)
    _refuse(predictions, (predictions.size <= 0).any(axis=1), "size holds a number that is not positive", file)
    _refuse(predictions, ~predictions.rotation.any(axis=1), "rotation is a zero quaternion", file)


def _refuse(
    predictions: Predictions, bad: np.ndarray[tuple[int], np.dtype[np.bool_]], why: str, file: str | Path
) -> None:
    if bad.any():
        token = predictions.tokens[predictions.sample[int(np.argmax(bad))]]
        raise InputError(f"{why} ({int(bad.sum())} boxes)", file=file, key=token)
