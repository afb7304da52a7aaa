"""Checks of the values in nuScenes' tables: finite, in range, unique tokens; errors name the first bad row.

They run while a table's JSON becomes columns, so that no reader of a table can meet what is refused here, and a table
whose columns are cached is not checked again.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from labeldistill.errors import InputError

Mask = NDArray[np.bool_]
Rule = tuple[Callable[[Any], Mask], str]
"""From a column to the rows that break the rule, [n] bool; and what is wrong with them, in words."""

_MICROSECONDS = (10**14, 10**16)
"""Unix times between 1973 and 2286; seconds, milliseconds and nanoseconds of our days all lie outside."""


def _per_row(values: NDArray[Any], lengths: NDArray[Any]) -> Mask:
    """Rows whose list holds a true value, from the flattened lists and their lengths."""
    rows = np.repeat(np.arange(len(lengths)), lengths)
    return np.asarray(np.bincount(rows, weights=values, minlength=len(lengths)) > 0)


def _lists(column: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    values = column.flatten().to_numpy(zero_copy_only=False)
    return values, pc.list_value_length(column).to_numpy(zero_copy_only=False)


def _not_finite(column: Any) -> Mask:
    values, lengths = _lists(column)
    return _per_row(~np.isfinite(values), lengths)


def _not_positive(column: Any) -> Mask:
    values, lengths = _lists(column)
    return _per_row(~(values > 0), lengths)


def _no_rotation(column: Any) -> Mask:
    norm = np.linalg.norm(_lists(column)[0].reshape(-1, 4), axis=1)  # any length but zero is allowed, as in the devkit
    return np.asarray(~(norm > 1e-6))


def _no_time(column: Any) -> Mask:
    values = column.to_numpy()
    return np.asarray((values < _MICROSECONDS[0]) | (values > _MICROSECONDS[1]))


def _beyond(limit: float) -> Callable[[Any], Mask]:
    def beyond(column: Any) -> Mask:
        values, lengths = _lists(column)
        return _per_row(np.abs(values) > limit, lengths)

    return beyond


def _no_visibility(column: Any) -> Mask:
    known = pc.is_in(column, value_set=pa.array(["", "1", "2", "3", "4"]))
    return np.asarray(~known.to_numpy(zero_copy_only=False))


def _negative(column: Any) -> Mask:
    return np.asarray(column.to_numpy() < 0)


def _leaves_folder(column: Any) -> Mask:
    outside = pc.match_substring_regex(column, r"^/|^[A-Za-z]:|(^|[/\\])\.\.([/\\]|$)|\x00")
    return np.asarray(outside.to_numpy(zero_copy_only=False), dtype=bool)


FINITE: Rule = (_not_finite, "holds NaN or infinity")
POSITIVE: Rule = (_not_positive, "holds a number that is not positive")
ROTATION: Rule = (_no_rotation, "is a zero quaternion")
TIME: Rule = (_no_time, "is not a Unix time in microseconds")
ON_A_MAP: Rule = (_beyond(1e6), "lies more than 1,000 km from the map's origin")
ON_A_CAR: Rule = (_beyond(20.0), "lies more than 20 m from the vehicle's origin")
IN_METRES: Rule = (_beyond(200.0), "is larger than 200 m")
VISIBILITY: Rule = (_no_visibility, "is no visibility of 1 to 4")
COUNT: Rule = (_negative, "is negative")
INSIDE: Rule = (_leaves_folder, "leads out of the data root")

RULES: dict[str, dict[str, tuple[Rule, ...]]] = {
    "sample": {"timestamp": (TIME,)},
    "sample_data": {"timestamp": (TIME,), "height": (COUNT,), "width": (COUNT,), "filename": (INSIDE,)},
    "ego_pose": {"rotation": (FINITE, ROTATION), "translation": (FINITE, ON_A_MAP)},
    "calibrated_sensor": {
        "rotation": (FINITE, ROTATION),
        "translation": (FINITE, ON_A_CAR),
        "camera_intrinsic": (FINITE,),
    },
    "sample_annotation": {
        "visibility_token": (VISIBILITY,),
        "translation": (FINITE, ON_A_MAP),
        "size": (FINITE, POSITIVE, IN_METRES),
        "rotation": (FINITE, ROTATION),
        "num_lidar_pts": (COUNT,),
        "num_radar_pts": (COUNT,),
    },
}
"""Table -> column -> rules, in the order of checking."""


def check_values(file: Path, table: str, rows: pa.RecordBatch) -> None:
    """Refuse values that cannot occur in a nuScenes table.

    Args:
        file: the table's JSON file, for the message.
        table: name of the table.
        rows: some of its rows, with a column `token`.

    Raises:
        InputError: names the file, the token of the first bad row, the field and the value.
    """
    for name, rules in RULES.get(table, {}).items():
        if name not in rows.schema.names:
            continue
        for broken, what in rules:
            bad = np.flatnonzero(broken(rows[name]))
            if len(bad):
                value, token = rows[name][int(bad[0])].as_py(), rows["token"][int(bad[0])].as_py()
                message = f"`{token}` {what}: {value!r} (at least {len(bad)} such rows)"
                raise InputError(message, file=file, key=name)


def check_tokens(file: Path, tokens: Any) -> None:
    """Refuse a token that identifies two rows or is empty, which as a link means that there is none.

    Raises:
        InputError: names the file and the token.
    """
    if pc.any(pc.equal(tokens, "")).as_py():
        raise InputError(f"row {pc.index(tokens, '').as_py()} has an empty token", file=file, key="token")
    if pc.count_distinct(tokens).as_py() == len(tokens):
        return
    counts = pc.value_counts(tokens)
    twice = pc.filter(counts, pc.greater(pc.struct_field(counts, [1]), 1))[0].as_py()
    raise InputError(f"token `{twice['values']}` identifies {twice['counts']} rows", file=file, key="token")
