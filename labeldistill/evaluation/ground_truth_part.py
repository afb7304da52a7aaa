"""A part of a split's ground truth: some of its scenes, or some of its samples."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeldistill.errors import InputError
from labeldistill.evaluation.ground_truth import GroundTruth, Racks

_COLUMNS = ("translation", "size", "rotation", "velocity", "label", "attribute", "points", "lidar_points", "visibility")


def part_of(truth: GroundTruth, scenes: Sequence[str] | None, samples: Sequence[str] | None) -> GroundTruth:
    """Only the samples in `scenes` (names) and `samples` (tokens); None does not restrict.

    Raises:
        InputError: a scene or sample that the split does not hold, or nothing left.
    """
    keep = np.ones(len(truth.tokens), dtype=bool)
    if scenes is not None:
        _check(scenes, truth.scene_names, "scenes")
        keep &= np.isin(truth.scene, [truth.scene_names.index(name) for name in scenes])
    if samples is not None:
        _check(samples, truth.tokens, "samples")
        wanted = set(samples)
        keep &= np.array([token in wanted for token in truth.tokens])
    if not keep.any():
        raise InputError("no sample is in both the scenes and the samples asked for", key="samples")
    return _restricted(truth, keep)


def _check(asked: Sequence[str], there: Sequence[str], key: str) -> None:
    unknown = [name for name in asked if name not in set(there)]
    if unknown or not asked:
        raise InputError(f"{unknown[0]!r} is not in the split" if unknown else "nothing is asked for", key=key)


def _restricted(truth: GroundTruth, keep: NDArray[np.bool_]) -> GroundTruth:
    """Keep some samples, renumber them, and drop scenes without a sample."""
    rows, racks = keep[truth.sample], keep[truth.racks.sample]
    sample = np.cumsum(keep, dtype=np.int32) - 1
    scenes, scene = np.unique(truth.scene[keep], return_inverse=True)
    columns: dict[str, Any] = {name: getattr(truth, name)[rows] for name in _COLUMNS}
    return replace(
        truth,
        tokens=tuple(token for token, kept in zip(truth.tokens, keep, strict=True) if kept),
        scene=scene.astype(np.int32),
        scene_names=tuple(truth.scene_names[i] for i in scenes),
        scene_descriptions=tuple(truth.scene_descriptions[i] for i in scenes),
        ego=truth.ego[keep],
        sample=sample[truth.sample[rows]],
        racks=Racks(
            sample[truth.racks.sample[racks]],
            truth.racks.centre[racks],
            truth.racks.size[racks],
            truth.racks.rotation[racks],
        ),
        **columns,
    )
