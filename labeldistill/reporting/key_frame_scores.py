"""How right one run is on each key frame: which frames are best, worst, and most changed between two variants."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from labeldistill.evaluation.ground_truth import GroundTruth
from labeldistill.evaluation.matching import match
from labeldistill.evaluation.predictions import Predictions
from labeldistill.evaluation.protocol import PROTOCOL

FEWEST_BOXES = 3
"""A key frame with fewer annotated boxes is not chosen as best or worst: one box decides too much there."""
_AT = PROTOCOL.thresholds_m.index(2.0)  # metres; where nuScenes takes its true positives

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class FrameScores:
    """One run on S key frames, with its boxes above one score.

    Attributes:
        threshold: the score at which the run's F1 over the whole split is highest.
        found, false, missed: [S] true positives at 2 m, false positives, and annotated boxes without either.
    """

    threshold: float
    found: Counts
    false: Counts
    missed: Counts

    @property
    def f1(self) -> NDArray[np.float64]:
        """[S] harmonic mean of precision and recall; NaN where there is nothing to find and nothing was."""
        twice = 2.0 * self.found
        with np.errstate(invalid="ignore"):
            return np.asarray(twice / (twice + self.false + self.missed))


def frame_scores(predictions: Predictions, truth: GroundTruth) -> FrameScores:
    """Match one run's boxes frame by frame.

    Raises:
        InputError: samples other than those of the ground truth.
    """
    frames = len(truth.tokens)
    # matching knows scenes; here each key frame is one
    single = replace(truth, scene=np.arange(frames, dtype=np.int32), scene_names=truth.tokens)
    matches = match(predictions, single)
    hit = matches.box[_AT] >= 0
    boxes = np.bincount(matches.truth.scene, minlength=frames)
    threshold = _best_score(matches.score, hit, int(boxes.sum()))
    kept = matches.score >= threshold
    found = np.bincount(matches.scene[kept & hit], minlength=frames)
    false = np.bincount(matches.scene[kept & ~hit], minlength=frames)
    return FrameScores(threshold, found, false, boxes - found)


def _best_score(score: NDArray[np.float64], hit: NDArray[np.bool_], boxes: int) -> float:
    """The score above which F1 over all frames is highest; 1 where nothing was found."""
    if not hit.any():
        return 1.0
    order = np.argsort(-score, kind="stable")
    right = np.cumsum(hit[order])
    f1 = 2 * right / (np.arange(1, len(order) + 1) + boxes)
    return float(score[order[int(np.argmax(f1))]])


def chosen_frames(theirs: FrameScores, ours: FrameScores) -> dict[str, int]:
    """Row of the best and the worst key frame of `ours`, and of the one that changed most from `theirs`.

    Of equal frames the one with most boxes is taken. A kind without a frame to show is left out.
    """
    boxes = ours.found + ours.missed
    enough = boxes >= FEWEST_BOXES
    change = np.nan_to_num(ours.f1) - np.nan_to_num(theirs.f1)
    by_kind = {
        "best": np.where(enough & (ours.found > 0), ours.f1, -np.inf),
        "worst": np.where(enough, -ours.f1, -np.inf),
        "changed": np.where(change != 0, np.abs(change), -np.inf),
    }
    found: dict[str, int] = {}
    for kind, values in by_kind.items():
        row = int(np.lexsort((boxes, values))[-1])
        if np.isfinite(values[row]) and row not in found.values():
            found[kind] = row
    return found


def frame_table(tokens: tuple[str, ...], scores: dict[str, FrameScores]) -> pd.DataFrame:
    """One row per unit and key frame."""
    parts = [
        pd.DataFrame(
            {"sample_token": tokens, "unit": unit, "found": s.found, "false": s.false, "missed": s.missed, "f1": s.f1}
        )
        for unit, s in scores.items()
    ]
    return pd.concat(parts, ignore_index=True)
