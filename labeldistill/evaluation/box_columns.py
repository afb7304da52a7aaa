"""The boxes of an official result file, checked and gathered into columns."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from labeldistill.errors import InputError
from labeldistill.evaluation.predictions import Floats, Predictions
from labeldistill.evaluation.protocol import ATTRIBUTES, PROTOCOL
from labeldistill.geometry.classes import CLASSES

_WIDTHS = {"translation": 3, "size": 3, "rotation": 4, "velocity": 2}
_KEYS = ("sample_token", *_WIDTHS, "detection_name", "detection_score", "attribute_name")
_CLASS_CODE = {name: code for code, name in enumerate(CLASSES)}
_ATTRIBUTE_CODE = {name: code for code, name in enumerate(ATTRIBUTES)}


class BoxColumns:
    """Collects samples one by one; `finish` returns the Predictions.

    Args:
        path: the file, for messages.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tokens: dict[str, None] = {}
        self._counts: list[int] = []
        self._numbers: dict[str, list[Floats]] = {name: [] for name in (*_WIDTHS, "detection_score")}
        self._labels: list[int] = []
        self._attributes: list[int] = []
        self._left_out = 0

    def add(self, token: str, boxes: Any) -> None:
        """Add the boxes of one sample.

        Raises:
            InputError: a repeated token, too many boxes, a bad box; names the file and the token.
        """
        if token in self._tokens:
            raise self._bad(token, "duplicate sample")
        if not isinstance(boxes, list):
            raise self._bad(token, "expected a list of boxes")
        if len(boxes) > PROTOCOL.max_boxes_per_sample:
            raise self._bad(
                token, f"{len(boxes)} boxes; at most {PROTOCOL.max_boxes_per_sample} per sample are allowed"
            )
        self._tokens[token] = None
        kept = self._scored(token, boxes)
        self._counts.append(len(kept))
        if kept:
            self._take(token, kept)

    def _scored(self, token: str, boxes: list[Any]) -> list[dict[str, Any]]:
        """All boxes except those with `num_pts: 0`, which the devkit does not score."""
        for box in boxes:
            if not isinstance(box, dict):
                raise self._bad(token, "a box is not an object")
        kept = [box for box in boxes if "num_pts" not in box or box["num_pts"] != 0]
        self._left_out += len(boxes) - len(kept)
        return kept

    def _take(self, token: str, boxes: list[dict[str, Any]]) -> None:
        try:
            owners = {box["sample_token"] for box in boxes}
            labels = [_CLASS_CODE.get(box["detection_name"], -1) for box in boxes]
            attributes = [_ATTRIBUTE_CODE.get(box["attribute_name"], -1) for box in boxes]
            for name, width in _WIDTHS.items():
                self._numbers[name].append(self._vectors(token, name, [box[name] for box in boxes], width))
            scores = self._scores(token, [box["detection_score"] for box in boxes])
        except KeyError as error:
            raise self._bad(token, f"a box has no key {error}; expected {', '.join(_KEYS)}") from error
        except TypeError as error:
            raise self._bad(token, f"a box has a value of the wrong type ({error})") from error
        if owners != {token}:
            other = next(owner for owner in owners if owner != token)
            raise self._bad(token, f"a box says sample_token {other!r}")
        self._numbers["detection_score"].append(scores)
        self._check_names(token, boxes, labels, attributes)
        self._labels += labels
        self._attributes += attributes

    def _scores(self, token: str, given: list[Any]) -> Floats:
        if not {*map(type, given)} <= {float, int}:
            raise self._bad(token, "detection_score must be a finite number")
        try:
            scores = np.array(given, dtype=np.float64)
        except OverflowError:  # a whole number of hundreds of digits
            scores = np.array([np.inf])
        if not np.isfinite(scores).all():
            raise self._bad(token, "detection_score must be a finite number")
        return scores

    def _vectors(self, token: str, name: str, rows: list[Any], width: int) -> Floats:
        try:
            values = np.array(rows)
        except ValueError as error:
            raise self._bad(token, f"{name} must have {width} numbers") from error
        if values.dtype.kind not in "fiu" or values.shape != (len(rows), width):
            raise self._bad(token, f"{name} must have {width} numbers")
        return self._checked(token, name, values.astype(np.float64))

    def _checked(self, token: str, name: str, values: Floats) -> Floats:
        if name == "velocity":  # nuScenes itself has NaN velocities, which the devkit leaves out of the mean
            if np.isinf(values).any():
                raise self._bad(token, "velocity is infinite")
            return values
        if not math.isfinite(values.sum()) and not np.isfinite(values).all():
            raise self._bad(token, f"{name} holds NaN or infinity")
        if name == "size" and values.min() <= 0:
            raise self._bad(token, "size holds a number that is not positive")
        if name == "rotation" and not values.any(axis=1).all():
            raise self._bad(token, "rotation is a zero quaternion")
        return values

    def _check_names(self, token: str, boxes: list[Any], labels: list[int], attributes: list[int]) -> None:
        if -1 in labels:
            name = boxes[labels.index(-1)]["detection_name"]
            raise self._bad(token, f"unknown detection_name {name!r}; the classes are {', '.join(CLASSES)}")
        if -1 in attributes:
            name = boxes[attributes.index(-1)]["attribute_name"]
            raise self._bad(token, f"unknown attribute_name {name!r}; the attributes are {', '.join(ATTRIBUTES[1:])}")

    def finish(self, meta: dict[str, Any]) -> Predictions:
        """All boxes as columns."""
        vectors = {name: self._joined(name, (0, width)) for name, width in _WIDTHS.items()}
        return Predictions(
            tokens=tuple(self._tokens),
            sample=np.repeat(np.arange(len(self._counts), dtype=np.int32), self._counts),
            **vectors,
            label=np.array(self._labels, dtype=np.int8),
            score=self._joined("detection_score", (0,)),
            attribute=np.array(self._attributes, dtype=np.int8),
            meta=meta,
            metadata={"left_out_num_pts_zero": self._left_out} if self._left_out else {},
        )

    def _joined(self, name: str, empty: tuple[int, ...]) -> Floats:
        return np.concatenate(self._numbers[name]) if self._numbers[name] else np.zeros(empty)

    def _bad(self, token: str, message: str) -> InputError:
        return InputError(message, file=self._path, key=token)
