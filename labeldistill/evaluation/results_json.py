"""The official result file (results_nusc.json): written from columns, read into columns sample by sample.

Reading is streamed: besides the columns, only a piece of the text and the boxes of one sample are in memory. Nothing
is returned before the last byte has been checked.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labeldistill.errors import InputError
from labeldistill.evaluation.box_columns import BoxColumns
from labeldistill.evaluation.json_stream import JsonStream
from labeldistill.evaluation.predictions import Predictions
from labeldistill.evaluation.protocol import ATTRIBUTES
from labeldistill.files import written_whole
from labeldistill.geometry.classes import CLASSES


def write_results(predictions: Predictions, path: str | Path) -> None:
    """Write the official results_nusc.json, whole or not at all; floats round-trip exactly."""
    with written_whole(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
        stream.write(f'{{"meta": {json.dumps(predictions.meta)}, "results": {{')
        for index, (token, boxes) in enumerate(_samples(predictions)):
            stream.write(f"{', ' if index else ''}{json.dumps(token)}: {json.dumps(boxes)}")
        stream.write("}}\n")


def _samples(predictions: Predictions) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    starts = predictions.starts
    for index, token in enumerate(predictions.tokens):
        rows = slice(starts[index], starts[index + 1])
        columns = (
            predictions.translation[rows].tolist(),
            predictions.size[rows].tolist(),
            predictions.rotation[rows].tolist(),
            predictions.velocity[rows].tolist(),
            predictions.label[rows].tolist(),
            predictions.score[rows].tolist(),
            predictions.attribute[rows].tolist(),
        )
        yield token, [_box(token, values) for values in zip(*columns, strict=True)]


def _box(token: str, values: tuple[Any, ...]) -> dict[str, Any]:
    centre, size, rotation, velocity, label, score, attribute = values
    return {
        "sample_token": token,
        "translation": centre,
        "size": size,
        "rotation": rotation,
        "velocity": velocity,
        "detection_name": CLASSES[label],
        "detection_score": score,
        "attribute_name": ATTRIBUTES[attribute],
    }


def read_results(path: str | Path) -> Predictions:
    """Read an official results_nusc.json of any code base.

    Args:
        path: the file; it is streamed, so that 700 MB do not take 4 GB of memory.

    Raises:
        InputError: bad content; the message names the file and the token.
    """
    stream = JsonStream(Path(path))
    columns = BoxColumns(Path(path))
    meta: Any = None
    seen: set[str] = set()
    for key in stream.members():
        if key in seen:
            raise InputError("is duplicated at the top level", file=path, key=key)
        seen.add(key)
        if key == "results":
            for token in stream.members():
                columns.add(token, stream.value(inside=token))
        elif key == "meta":
            meta = stream.value(inside=key)
        else:
            stream.value(inside=key)  # the devkit ignores other keys
    stream.end()
    for key in ("results", "meta"):
        if key not in seen:
            raise InputError("is missing at the top level; expected `meta` and `results`", file=path, key=key)
    if not isinstance(meta, dict):
        raise InputError("expected an object saying which sensors were used", file=path, key="meta")
    return columns.finish(meta)
