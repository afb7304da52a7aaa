"""nuScenes' JSON tables as columns: parsed once in pieces, then cached as Parquet under the JSON file's checksum.

A table of v1.0-trainval has millions of rows (sample_data.json is about 1 GB); besides the columns, only one piece of
the text and its rows are in memory at a time.
"""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from labeldistill.errors import InputError
from labeldistill.files import written_whole
from labeldistill.nuscenes.checksums import Checksums
from labeldistill.nuscenes.table_values import check_tokens, check_values

TEXT, INTEGER, BOOLEAN, TEXTS, NUMBERS = (
    pa.string(),
    pa.int64(),
    pa.bool_(),
    pa.list_(pa.string()),
    pa.list_(pa.float64()),
)
VECTOR, QUATERNION = pa.list_(pa.float64(), 3), pa.list_(pa.float64(), 4)

SCHEMA: dict[str, dict[str, Any]] = {
    "scene": {"token": TEXT, "name": TEXT, "description": TEXT, "log_token": TEXT},
    "log": {"token": TEXT, "location": TEXT, "date_captured": TEXT, "vehicle": TEXT},
    "sample": {"token": TEXT, "timestamp": INTEGER, "scene_token": TEXT, "prev": TEXT, "next": TEXT},
    "sample_data": {
        "token": TEXT,
        "sample_token": TEXT,
        "ego_pose_token": TEXT,
        "calibrated_sensor_token": TEXT,
        "timestamp": INTEGER,
        "is_key_frame": BOOLEAN,
        "height": INTEGER,
        "width": INTEGER,
        "filename": TEXT,
        "prev": TEXT,
        "next": TEXT,
    },
    "ego_pose": {"token": TEXT, "rotation": QUATERNION, "translation": VECTOR},
    "calibrated_sensor": {
        "token": TEXT,
        "sensor_token": TEXT,
        "rotation": QUATERNION,
        "translation": VECTOR,
        "camera_intrinsic": NUMBERS,
    },
    "sensor": {"token": TEXT, "channel": TEXT},
    "sample_annotation": {
        "token": TEXT,
        "sample_token": TEXT,
        "instance_token": TEXT,
        "visibility_token": TEXT,
        "attribute_tokens": TEXTS,
        "translation": VECTOR,
        "size": VECTOR,
        "rotation": QUATERNION,
        "prev": TEXT,
        "next": TEXT,
        "num_lidar_pts": INTEGER,
        "num_radar_pts": INTEGER,
    },
    "instance": {"token": TEXT, "category_token": TEXT},
    "category": {"token": TEXT, "name": TEXT},
    "attribute": {"token": TEXT, "name": TEXT},
}
"""The columns read from each table; nuScenes' `visibility` and `map` hold nothing that training needs."""

_PIECE_CHARACTERS = 1 << 24
_BATCH_ROWS = 20_000
_CACHE_FORMAT = 3
"""Version of the cached columns and of the checks that they have passed."""


class Tables:
    """The tables of one version of a nuScenes folder; `tables["sample"]` is a pyarrow.Table with SCHEMA's columns.

    Args:
        dataroot: folder that holds `<version>/`, `samples/`, `sweeps/`.
        version: for example `v1.0-trainval`.
        cache: folder for the Parquet copies; None reads the JSON each time.

    Raises:
        InputError: no such folder, or no such version (lists those that exist).
    """

    def __init__(self, dataroot: str | Path, version: str, cache: str | Path | None = None) -> None:
        self.dataroot, self.version = Path(dataroot), version
        self.folder = self.dataroot / version
        self.checksums = Checksums(cache)
        self._cache = None if cache is None else Path(cache)
        self._loaded: dict[str, pa.Table] = {}
        if not self.dataroot.is_dir():
            raise InputError("no such folder", file=self.dataroot, key="data.dataroot")
        if not self.folder.is_dir():
            found = sorted(p.parent.name for p in self.dataroot.glob("*/sample.json"))
            hint = f"versions there: {', '.join(found)}" if found else "no folder in it holds a sample.json"
            raise InputError(f"no version `{version}`; {hint}", file=self.dataroot, key="data.version")

    def file(self, name: str) -> Path:
        """Path of the JSON file of a table."""
        return self.folder / f"{name}.json"

    def __getitem__(self, name: str) -> pa.Table:
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def release(self, name: str) -> None:
        """Forget a table that is no longer needed."""
        self._loaded.pop(name, None)

    def _load(self, name: str) -> pa.Table:
        if not self.file(name).is_file():
            found = sorted(p.stem for p in self.folder.glob("*.json"))
            raise InputError(f"no such table; tables there: {', '.join(found) or 'none'}", file=self.file(name))
        if self._cache is None:
            return read_table(self.file(name), SCHEMA[name])
        digest = self.checksums.sha256(self.file(name))
        self.checksums.save()
        copy = self._cache / f"{name}-{_CACHE_FORMAT}-{digest[:40]}.parquet"
        if not copy.is_file():
            table = read_table(self.file(name), SCHEMA[name])
            with written_whole(copy) as temporary:
                pq.write_table(table, temporary, compression="zstd")
            return table
        try:
            return pq.read_table(copy)
        except pa.ArrowException:  # a damaged copy is replaced
            copy.unlink()
            return self._load(name)

    def rows_of(self, name: str, tokens: Any, *, asked_by: str) -> Any:
        """Row numbers (int64 array) in table `name` of foreign keys `tokens`; `asked_by` is `table.column`.

        Raises:
            InputError: a token is not in the table; names it.
        """
        rows = pc.index_in(tokens, value_set=self[name]["token"])
        if rows.null_count:
            missing = pc.filter(tokens, pc.is_null(rows))[0].as_py()
            table, column = asked_by.split(".")
            message = f"`{missing}` is not a token of {name}.json ({rows.null_count} such rows)"
            raise InputError(message, file=self.file(table), key=column)
        return rows.to_numpy(zero_copy_only=False) if isinstance(rows, pa.Array) else rows.to_numpy()


def read_table(file: Path, columns: dict[str, Any]) -> pa.Table:
    """Read one JSON array of objects into columns.

    Raises:
        InputError: truncated or invalid JSON (says after which row), a row without a key, a value of another type or
            out of range (see `table_values`), a token that identifies two rows.
    """
    rows, batches, seen = _rows(file), [], 0
    while batch := list(islice(rows, _BATCH_ROWS)):
        arrays = [_column(file, batch, key, kind, seen) for key, kind in columns.items()]
        batches.append(pa.RecordBatch.from_arrays(arrays, names=list(columns)))
        check_values(file, file.stem, batches[-1])
        seen += len(batch)
    table = pa.Table.from_batches(batches, schema=pa.schema(columns.items()))
    check_tokens(file, table["token"])
    return table


def _column(file: Path, rows: list[dict[str, Any]], key: str, kind: Any, first: int) -> pa.Array:
    try:
        values = [row[key] for row in rows]
    except (KeyError, TypeError) as error:
        at = next(i for i, row in enumerate(rows) if not isinstance(row, dict) or key not in row)
        raise InputError(f"row {first + at} has no such key", file=file, key=key) from error
    try:
        if kind is NUMBERS:  # camera_intrinsic: nine numbers in three rows, or nothing
            values = [[number for row in matrix for number in row] for matrix in values]
        if kind is INTEGER:
            values = _whole_numbers(rows, values)
        array = pa.array(values, type=kind)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"expected {kind}: {str(error)[:200]}", file=file, key=key) from error
    if array.null_count:
        at = pc.index(array.is_null(), True).as_py()
        raise InputError(f"row {first + at} is null, expected {kind}", file=file, key=key)
    return array


def _whole_numbers(rows: list[dict[str, Any]], values: list[Any]) -> list[Any]:
    """The values with 3.0 as 3; pyarrow would silently drop a fraction."""
    for row, value in zip(rows, values, strict=True):
        if type(value) is float and not value.is_integer():
            raise ValueError(f"`{row.get('token')}` has {value}, not a whole number")
    return [int(value) if type(value) is float else value for value in values]


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON array from a text that is read in pieces."""
    decode, count = json.JSONDecoder().raw_decode, 0
    try:
        with file.open(encoding="utf-8") as stream:
            text = stream.read(_PIECE_CHARACTERS).lstrip()
            if text[:1] != "[":
                raise InputError("not a JSON array of rows", file=file)
            at, ended = _skip(text, 1), False
            while True:
                if text[at : at + 1] == "]":
                    return
                try:
                    row, end = decode(text, at)
                    # An object is complete only if something follows it: a number could continue in the next piece.
                    after = _skip(text, end)
                    if after == len(text) and not ended:
                        raise json.JSONDecodeError("cut", text, end)
                except json.JSONDecodeError as error:
                    if ended:
                        message = f"truncated or invalid JSON after {count} whole rows ({error.msg})"
                        raise InputError(message, file=file) from error
                    more = stream.read(_PIECE_CHARACTERS)
                    ended = not more
                    text = text[at:] + more
                    at = _skip(text, 0)
                    continue
                except (RecursionError, ValueError) as error:  # nested too deep; a number of thousands of digits
                    raise InputError(f"row {count} is not readable JSON ({error})", file=file) from error
                yield row
                count += 1
                at = after
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text after {count} rows ({error.reason})", file=file) from error
    except OSError as error:
        raise InputError(f"can't be read: {error.strerror or error}", file=file) from error


def _skip(text: str, at: int) -> int:
    """Position after white space and commas."""
    while at < len(text) and text[at] in " \t\r\n,":
        at += 1
    return at
