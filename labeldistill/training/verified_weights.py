"""Checks of weights whenever they are read: they must be the file in their run's record, and finite."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from labeldistill.config.run_files import ADOPTED, RECORD
from labeldistill.errors import InputError
from labeldistill.files import file_sha256, read_json

RECORDS = (RECORD, ADOPTED)
"""Names of the record beside the weights of a finished run or of an adopted checkpoint."""


def refuse_other_file(file: Path) -> None:
    """Compare a weights file with the SHA-256 in the record beside it; without a record there is nothing to compare.

    Raises:
        InputError: the file is not the one in the record, or the record can't be read.
    """
    for record in (file.with_name(name) for name in RECORDS):
        if not record.is_file():
            continue
        written = _written(read_json(record))
        if written and file.name not in written:
            raise InputError(f"{record.name} beside it names no such file", file=file, key="weights")
        if written and file_sha256(file) != written[file.name]:
            raise InputError(
                f"is not the file that {record.name} beside it is about (another SHA-256): it was damaged or replaced. "
                f"Bring it back from a copy, or delete the folder {file.parent} to make it anew",
                file=file,
                key="sha256",
            )


def _written(record: Any) -> dict[str, str]:
    """File name -> SHA-256 of the weights in a record."""
    about = record if isinstance(record, dict) else {}
    weights = about.get("weights_files", about.get("weights"))
    files = [each for each in weights.values() if isinstance(each, dict)] if isinstance(weights, dict) else []
    return {each["file"]: each["sha256"] for each in files if {"file", "sha256"} <= set(each)}


def first_not_finite(state: Mapping[str, Tensor]) -> str | None:
    """Name of the first tensor with a value that is NaN or infinite."""
    return next((name for name, value in state.items() if not bool(torch.isfinite(value).all())), None)


def refuse_not_finite(state: Mapping[str, Tensor], file: Path) -> None:
    """Refuse weights with NaN or infinite values.

    Raises:
        InputError: names the first such tensor.
    """
    if (name := first_not_finite(state)) is not None:
        count = int((~torch.isfinite(state[name])).sum())
        raise InputError(
            f"{count} of {state[name].numel()} values are NaN or infinite: its training diverged or it is damaged",
            file=file,
            key=name,
        )
