"""The imported file: safetensors with its origin and how to convert it back."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from labeldistill.errors import InputError
from labeldistill.files import written_whole
from labeldistill.training.state_hash import state_hash
from labeldistill.training.verified_weights import refuse_not_finite, refuse_other_file

_ENTRY = "labeldistill"


def write_imported(file: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write tensors and metadata, whole or not at all.

    Raises:
        InputError: the folder can't be written or the disk is full.
    """
    with written_whole(file) as temporary:
        try:
            # a single entry, because the library writes several in random order and equal weights must give equal files
            save_file(dict(tensors), temporary, metadata={_ENTRY: json.dumps(about, sort_keys=True)})
        except SafetensorError as error:
            raise OSError(str(error)) from error


def read_safetensors(file: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and metadata of a file that this project wrote, by an import or by training.

    Raises:
        InputError: missing, damaged, written by something else, not the file in the record beside it, or
            with NaN.
    """
    if not file.is_file():
        raise InputError("no such file", file=file)
    try:
        with safe_open(file, framework="pt") as stream:
            about = json.loads((stream.metadata() or {}).get(_ENTRY, "null"))
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"not a readable safetensors file ({error})", file=file) from error
    if not isinstance(about, dict):
        raise InputError("not written by `labeldistill weights import` or `train`", file=file, key=_ENTRY)
    refuse_other_file(file)
    if about.get("status") == "finished":  # weights of our own training; an import contains what its file did
        refuse_not_finite(tensors, file)
    return tensors, about


def tensors_hash(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bits."""
    return state_hash({n: v.view(torch.int16) if v.dtype is torch.bfloat16 else v for n, v in tensors.items()})
