"""Parts of a data set that are scored separately: by distance, visibility, LiDAR points, scene, time of day, weather.

The means of a slice are over the classes with a box in it. Its `Matches` can be weighted by scene like those of the
whole, so every slice can have an interval.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from labeldistill.config.slicing import Ranges, parse
from labeldistill.evaluation.ground_truth import GroundTruth
from labeldistill.evaluation.matches import Mask, Matches
from labeldistill.evaluation.matching import match
from labeldistill.evaluation.metrics import Metrics, all_curves, metrics_of
from labeldistill.evaluation.predictions import Predictions

VISIBILITIES = ("unknown", "0-40 %", "40-60 %", "60-80 %", "80-100 %")
"""Share of an object that is visible in the six cameras, by nuScenes' visibility token."""


@dataclass(frozen=True)
class Slice:
    """One part: name of the criterion, which part, and the matching restricted to it."""

    name: str
    part: str
    matches: Matches

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes with an annotated box in this slice, in the devkit's order."""
        names = self.matches.protocol.class_names
        return tuple(name for name in names if self.matches.truth_count(name).any())

    def metrics(self) -> Metrics:
        """Metrics over `classes`."""
        return metrics_of(all_curves(self.matches), self.matches.protocol, self.classes)


def slices_of(asked: Sequence[str], predictions: Predictions, truth: GroundTruth, matches: Matches) -> Iterator[Slice]:
    """The parts of each criterion, without those that have no annotated box.

    Args:
        asked: names of `config.slicing.NAMES`; distance and lidar_points accept ranges: `distance=0-15,15-40,40-`.
        predictions, truth: what `matches` was computed from.
        matches: the matching of the whole.

    Raises:
        InputError: an unknown criterion or range.
    """
    for criterion in asked:
        name, ranges = parse(criterion)
        parts = _by_distance(predictions, truth, matches, ranges) if name == "distance" else ()
        if name in ("visibility", "lidar_points"):
            parts = _by_truth(matches, name, ranges)
        elif name in ("scene", "time", "weather"):
            parts = _by_scene(matches, name, truth)
        for part, restricted in parts:
            if len(restricted.truth.label):
                yield Slice(name, part, restricted)


def _text(low: float, high: float) -> str:
    return f"{low:g}+" if math.isinf(high) else f"{low:g}-{high:g}"


Parts = Iterator[tuple[str, Matches]]


def _by_distance(predictions: Predictions, truth: GroundTruth, matches: Matches, ranges: Ranges) -> Parts:
    """Predictions and boxes at a distance, matched again, as the devkit would with these ranges."""
    for low, high in ranges:
        yield f"{_text(low, high)} m", match(predictions, truth, matches.protocol, (low, high))


def _by_truth(matches: Matches, name: str, ranges: Ranges) -> Parts:
    if name == "visibility":
        for code, text in enumerate(VISIBILITIES):
            yield text, matches.of_truth(matches.truth.visibility == code)
    for low, high in ranges:
        points = matches.truth.lidar_points
        yield f"{_text(low, high)} points", matches.of_truth((points >= low) & (points < high))


def _by_scene(matches: Matches, name: str, truth: GroundTruth) -> Parts:
    if name == "scene":
        for index, scene in enumerate(matches.scene_names):
            yield scene, matches.of_scenes(np.arange(len(matches.scene_names)) == index)
        return
    flags = conditions(truth)["night" if name == "time" else "rain"]
    texts = ("day", "night") if name == "time" else ("dry", "rain")
    for text, chosen in zip(texts, (~flags, flags), strict=True):
        yield text, matches.of_scenes(chosen)


def conditions(truth: GroundTruth) -> dict[str, Mask]:
    """[S] flags of the scenes, from their descriptions: "night", and "rain" (also "after rain": the road is wet)."""
    texts = [text.lower() for text in truth.scene_descriptions]
    return {word: np.array([re.search(rf"\b{word}", text) is not None for text in texts]) for word in ("night", "rain")}
