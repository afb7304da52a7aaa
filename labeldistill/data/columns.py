"""Column dataclasses (`nuscenes.columns`) to Parquet files and back."""

from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from labeldistill.errors import InputError
from labeldistill.files import written_whole

Columns = TypeVar("Columns")


def write_columns(path: Path, columns: Any) -> None:
    """Write a column dataclass: texts unchanged, [n] arrays as columns, [n, k] arrays as fixed-size lists."""
    arrays = {field.name: _to_arrow(getattr(columns, field.name)) for field in fields(columns)}
    with written_whole(path) as temporary:
        pq.write_table(pa.table(arrays), temporary, compression="zstd")


def read_columns(path: Path, kind: type[Columns]) -> Columns:
    """Read a column dataclass of type `kind`.

    Raises:
        InputError: missing, damaged, or without a column.
    """
    try:
        table = pq.read_table(path)
    except FileNotFoundError as error:
        raise InputError("no such file; was the index built here?", file=path) from error
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"not a readable Parquet file ({error})", file=path) from error
    values = {}
    for field in fields(kind):  # type: ignore[arg-type]
        if field.name not in table.column_names:
            raise InputError("no such column; build the index again", file=path, key=field.name)
        values[field.name] = _from_arrow(table[field.name].combine_chunks())
    return kind(**values)


def _to_arrow(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    if value.ndim == 1:
        return pa.array(value)
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(value).reshape(-1)), value.shape[1])


def _from_arrow(array: Any) -> Any:
    if pa.types.is_fixed_size_list(array.type):
        width = array.type.list_size
        return array.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
    if pa.types.is_string(array.type):
        return array
    return array.to_numpy(zero_copy_only=False)
