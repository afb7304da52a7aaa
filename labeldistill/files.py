"""Reading and writing whole files: a reader never sees half of one (temporary name, fsync, rename)."""

import hashlib
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from labeldistill.errors import InputError


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is fsynced and renamed to `path`, on failure removed.

    Raises:
        InputError: the folder can't be written or the disk is full.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"can't be written: {error.strerror or error}", file=path) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON, indented and with a final newline, whole or not at all."""
    write_text(path, json.dumps(value, indent=1, sort_keys=False, allow_nan=True) + "\n")


def read_json(path: str | Path) -> Any:
    """Read JSON.

    Raises:
        InputError: the file is missing, can't be read or is not JSON; the message names it.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError("no such file", file=path) from error
    except (ValueError, RecursionError) as error:  # ValueError: bad JSON, bad UTF-8, a number of thousands of digits
        raise InputError(f"not valid JSON ({error})", file=path) from error
    except OSError as error:
        raise InputError(f"can't be read: {error.strerror or error}", file=path) from error


def without_nan(value: Any) -> Any:
    """The same tree of mappings and lists, with None for every number that is not finite: strict JSON has no NaN."""
    if isinstance(value, dict):
        return {key: without_nan(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes, as hex.

    Raises:
        InputError: the file is missing or can't be read.
    """
    try:
        with Path(path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"can't be read: {error.strerror or error}", file=path) from error
