"""Which prediction found which box: the result of matching, from which metrics, slices and replicates are computed."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from labeldistill.evaluation.predictions import Codes, Floats, Ints
from labeldistill.evaluation.protocol import Protocol
from labeldistill.geometry.classes import CLASSES

Mask = NDArray[np.bool_]

NOTHING = -1
"""In `Matches.box`: the prediction found no box; a false positive."""
IGNORED = -2
"""In `Matches.box`: the prediction found a box outside the slice and is ignored."""


@dataclass(frozen=True)
class Found:
    """The m annotated boxes that count.

    Attributes:
        label: [m] index into CLASSES. scene: [m] index into the scene names.
        visibility, lidar_points: [m] as in GroundTruth.
    """

    label: Codes
    scene: Ints
    visibility: Codes
    lidar_points: Ints


@dataclass(frozen=True)
class Matches:
    """n scored predictions in the devkit's order: by class, then score and row number descending.

    Attributes:
        protocol: the protocol of the matching, with T thresholds.
        scene_names: S scenes.
        label: [n] int8, never decreasing. score: [n], never increasing within a class. scene: [n] int32.
        box: [T, n] int32, row of `truth` that the prediction found at each threshold (ascending), NOTHING or IGNORED.
        errors: T arrays [number of matches at the threshold, 5], errors in the order of `protocol.TP_METRICS`, one row
            per match in the order of the predictions; NaN if the ground truth has no value.
        truth: the annotated boxes that count.
    """

    protocol: Protocol
    scene_names: tuple[str, ...]
    label: Codes
    score: Floats
    scene: Ints
    box: Ints
    errors: tuple[Floats, ...]
    truth: Found

    def __len__(self) -> int:
        return len(self.label)

    def of_class(self, name: str) -> slice:
        """Rows of one class."""
        label = CLASSES.index(name)
        return slice(*np.searchsorted(self.label, [label, label + 1]).tolist())

    def truth_count(self, name: str) -> NDArray[np.int64]:
        """[S] number of annotated boxes of a class in each scene."""
        rows = self.truth.label == CLASSES.index(name)
        return np.bincount(self.truth.scene[rows], minlength=len(self.scene_names))

    def errors_of(self, name: str, threshold: int) -> Floats:
        """[k, 5] errors of the k matches of one class at one threshold (given by index)."""
        rows = self.of_class(name)
        hits = self.box[threshold] >= 0
        first, count = int(np.count_nonzero(hits[: rows.start])), int(np.count_nonzero(hits[rows]))
        return self.errors[threshold][first : first + count]

    def of_scenes(self, chosen: Sequence[bool] | Mask) -> "Matches":
        """Only the predictions and boxes of some scenes ([S] flags); scene names are kept."""
        flags = np.asarray(chosen, dtype=bool)
        rows = flags[self.scene]
        kept = replace(
            self,
            label=self.label[rows],
            score=self.score[rows],
            scene=self.scene[rows],
            box=self.box[:, rows],
            errors=tuple(e[rows[b >= 0]] for e, b in zip(self.errors, self.box, strict=True)),
        )
        return kept.of_truth(flags[self.truth.scene])

    def of_truth(self, wanted: Mask) -> "Matches":
        """Only some of the annotated boxes ([m] flags).

        At each threshold, a prediction that found a wanted box is a true positive; one that found an unwanted box there
        or at the widest threshold is ignored; one that found nothing remains a false positive, because nobody can say
        which slice it belongs to.
        """
        renumbered = np.append(np.where(wanted, np.cumsum(wanted) - 1, IGNORED), NOTHING)
        box = renumbered[self.box].astype(np.int32)  # -1, "nothing", reads the last entry
        errors = tuple(e[new[old >= 0] >= 0] for e, old, new in zip(self.errors, self.box, box, strict=True))
        box[(box == NOTHING) & (box[-1:] == IGNORED)] = IGNORED
        truth = Found(**{f.name: getattr(self.truth, f.name)[wanted] for f in fields(Found)})
        return replace(self, box=box, errors=errors, truth=truth)
