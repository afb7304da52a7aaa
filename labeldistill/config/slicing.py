"""Slices: parts of the evaluation split that are scored separately, as named by a study or a command line.

Only scoring reads this: it enters the key of the scores, never that of a training run or of predictions.
"""

import math
import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator

from labeldistill.errors import InputError

Ranges = tuple[tuple[float, float], ...]

DEFAULT_RANGES: dict[str, Ranges] = {
    "distance": ((0, 20), (20, 30), (30, math.inf)),
    "lidar_points": ((0, 1), (1, 5), (5, 20), (20, math.inf)),
}
"""Half-open ranges of metres from the ego vehicle, and of LiDAR points in the annotated box."""

NAMES = ("class", "distance", "visibility", "lidar_points", "scene", "time", "weather")


def parse(criterion: str) -> tuple[str, Ranges]:
    """Name and ranges of a criterion such as `distance` or `distance=0-15,15-40,40-`.

    Raises:
        InputError: an unknown criterion, something that is not a range, or a range that appears twice.
    """
    name, _, text = criterion.partition("=")
    if name not in NAMES:
        raise InputError(f"unknown slice; known: {', '.join(NAMES)}", key=name)
    if not text:
        return name, DEFAULT_RANGES.get(name, ())
    if name not in DEFAULT_RANGES:
        raise InputError("does not take ranges; only distance and lidar_points do", key=name)
    ranges = tuple(_range(name, piece) for piece in text.split(","))
    if len(set(ranges)) < len(ranges):
        raise InputError(f"a range appears twice in {text!r}", key=name)
    return name, ranges


def _range(name: str, piece: str) -> tuple[float, float]:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)?", piece.strip())
    low, high = (float(found[1]), float(found[2] or math.inf)) if found else (1.0, 0.0)
    if low >= high:
        raise InputError(f"{piece!r} is not a range; write `0-15` or `40-`", key=name)
    return low, high


def checked(criteria: Sequence[str]) -> tuple[str, ...]:
    """Return the criteria unchanged if each is known and given once.

    Raises:
        ValueError: one that `parse` refuses, or that appears twice.
    """
    try:
        names = [parse(criterion)[0] for criterion in criteria]
    except InputError as error:
        raise ValueError(str(error)) from error
    if len(set(names)) < len(names):
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)} appears twice")
    return tuple(criteria)


Slices = Annotated[tuple[str, ...], AfterValidator(checked)]
"""The criteria of a study, checked."""
