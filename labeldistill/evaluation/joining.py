"""Parts of a run's predictions (batches, processes, repeated tokens) put together into one, sample by sample."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from labeldistill.errors import InputError
from labeldistill.evaluation.predictions import Ints, Predictions


def join(parts: Sequence[Predictions], repeated: str) -> Predictions:
    """See `Predictions.concatenate`."""
    position: dict[str, int] = {}
    kept, samples = [], []
    for part in parts:
        known = np.array([token in position for token in part.tokens], dtype=bool)
        if known.any() and repeated == "error":
            raise InputError("sample occurs twice", key=part.tokens[int(np.argmax(known))])
        for token in part.tokens:
            position.setdefault(token, len(position))
        if repeated == "first":
            part = part.rows(~known[part.sample])
        kept.append(part)
        samples.append(np.array([position[token] for token in part.tokens], dtype=np.int32)[part.sample])
    return _grouped(kept, np.concatenate(samples), tuple(position))


def _grouped(parts: Sequence[Predictions], sample: Ints, tokens: tuple[str, ...]) -> Predictions:
    """Stack the parts' columns and bring the rows of each sample together, keeping their order."""
    names = ("translation", "size", "rotation", "velocity", "label", "score", "attribute")
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    order = np.argsort(sample, kind="stable")
    stacked = replace(parts[0], tokens=tokens, sample=sample.astype(np.int32), **columns)
    return stacked if np.array_equal(order, np.arange(len(order))) else stacked.rows(order)
