"""Checkpoint files of other code: read without running any of it, written in the same wrapping."""

import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from labeldistill.errors import InputError
from labeldistill.files import written_whole
from labeldistill.weights.key_map import LIGHTNING, Container


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint's tensors.

    Attributes:
        file: where it was read.
        state: name (without the container's prefix) -> tensor, in the file's order.
        container: how the file wraps them.
        others: what else the file holds (optimiser, epoch, ...); it is not taken over.
    """

    file: Path
    state: dict[str, Tensor]
    container: Container
    others: tuple[str, ...]


def read_checkpoint(file: Path) -> Checkpoint:
    """Read a `.pth` / `.ckpt` file with `weights_only=True`.

    Raises:
        InputError: missing, truncated, wants to run code, or holds no state dict; names the file and the key.
    """
    loaded = _loaded(file)
    if not isinstance(loaded, Mapping):
        raise InputError(f"holds a {type(loaded).__name__}, not a state dict", file=file)
    entry = LIGHTNING.entry if isinstance(loaded.get(LIGHTNING.entry), Mapping) else None
    state = loaded[entry] if entry is not None else loaded
    others = tuple(str(name) for name in loaded if name != entry) if entry is not None else ()
    for name, value in state.items():
        if not isinstance(value, Tensor) or value.layout is not torch.strided or value.is_quantized:
            raise InputError(f"not a tensor but a {type(value).__name__}", file=file, key=str(name))
    if not state:
        raise InputError("holds no tensors", file=file, key=entry)
    prefix = LIGHTNING.prefix if all(name.startswith(LIGHTNING.prefix) for name in state) else ""
    bare = {name.removeprefix(prefix): value.detach() for name, value in state.items()}
    return Checkpoint(file, bare, Container(entry, prefix), others)


def _loaded(file: Path) -> Any:
    if not file.is_file():
        raise InputError("no such file", file=file)
    try:
        try:
            return torch.load(file, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError as error:  # files from before PyTorch 1.6 can't be mapped into memory
            if "mmap" not in str(error):
                raise
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _refused(file, str(error)) from error
    except Exception as error:  # the many ways in which damaged bytes fail to be a checkpoint
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise InputError(f"can't be read as a checkpoint: truncated or damaged ({reason[:160]})", file=file) from error


def _refused(file: Path, message: str) -> InputError:
    wanted = re.search(r"GLOBAL ([\w.]+)", message) or re.search(r"[Gg]lobal[: ]+`?([\w.]+\.\w+)", message)
    if wanted is None:
        return InputError("can't be read as a checkpoint: truncated, damaged or not one", file=file)
    return InputError(
        "the file wants to run code to be read, which is refused; save its state dict alone", file=file, key=wanted[1]
    )


def write_checkpoint(file: Path, state: Mapping[str, Tensor], container: Container) -> None:
    """Write a state dict whole, wrapped as `container` says.

    Raises:
        InputError: the folder can't be written or the disk is full.
    """
    named = {container.prefix + name: value for name, value in state.items()}
    with written_whole(file) as temporary, temporary.open("wb") as stream:
        try:
            torch.save({container.entry: named} if container.entry is not None else named, stream)
        except RuntimeError as error:  # torch's zip writer wraps the operating system's error
            raise OSError(str(error).splitlines()[0]) from error
