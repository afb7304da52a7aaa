"""Checkpoint files of other code bases: reading them without running their code, writing them in the same form."""

import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from labeldistill.errors import InputError
from labeldistill.files import written_whole
from labeldistill.weights.key_map import Container
from labeldistill.weights.not_a_checkpoint import refuse_what_is_none
from labeldistill.weights.weight_sets import EMA_ENTRIES, STATE_ENTRIES, WeightsName, chosen, weight_sets
from labeldistill.weights.wrappers import unwrapped

COUNTERS = ("n_averaged", "num_updates", "steps", "updates")
"""Number of updates of an averaged model, which some code stores among the weights."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint's tensors.

    Attributes:
        file: where it was read.
        state: name (without the container's prefix and inner wrappers) -> tensor, in the file's order.
        container: how the file wraps them.
        others: other content of the file (optimiser, epoch and so on), which is not used.
        weights: kind of weights according to the file; None if it does not say.
        note: what users should know about them.
        wrapped: name -> the file's name after the prefix, for names with a wrapper inside.
    """

    file: Path
    state: dict[str, Tensor]
    container: Container
    others: tuple[str, ...]
    weights: WeightsName | None = None
    note: str = ""
    wrapped: dict[str, str] = field(default_factory=dict)


def read_checkpoint(file: Path, which: WeightsName | None = None) -> Checkpoint:
    """Read a `.pth` / `.ckpt` file with `weights_only=True`.

    Args:
        file: the checkpoint.
        which: raw or EMA weights; None: the only ones in the file.

    Raises:
        InputError: missing, truncated, not a checkpoint, needs to run code, has no state dict, or has raw and EMA
            weights without a choice; names the file and the key.
    """
    loaded = _loaded(file)
    if not isinstance(loaded, Mapping):
        raise InputError(f"holds a {type(loaded).__name__}, not a state dict", file=file)
    found = chosen(weight_sets(loaded, file), which, file)
    state = {name: value for name, value in found.state.items() if name not in COUNTERS}
    for name, value in state.items():
        if not isinstance(value, Tensor) or value.layout is not torch.strided or value.is_quantized:
            raise InputError(f"not a tensor but a {type(value).__name__}", file=file, key=str(name))
    if not state:
        raise InputError("holds no tensors", file=file, key=found.entry)
    root = (found.entry or "").partition(":")[0]
    others = tuple(str(name) for name in loaded if name != root) if found.entry is not None else ()
    names = unwrapped(state)
    bare = dict(zip(names.names, (value.detach() for value in state.values()), strict=True))
    plain = found.entry is None or found.entry in (*STATE_ENTRIES, *EMA_ENTRIES)
    container = Container(found.entry if plain else STATE_ENTRIES[0], names.prefix)
    return Checkpoint(file, bare, container, others, found.name, found.note, names.changed)


def _loaded(file: Path) -> Any:
    if not file.is_file():
        raise InputError("no such file", file=file)
    refuse_what_is_none(file)
    try:
        try:
            return torch.load(file, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError as error:  # files from before PyTorch 1.6 can't be mapped into memory
            if "mmap" not in str(error):
                raise
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _refused(file, str(error)) from error
    except Exception as error:  # damaged bytes fail in many ways
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise InputError(f"can't be read as a checkpoint: truncated or damaged ({reason[:160]})", file=file) from error


def _refused(file: Path, message: str) -> InputError:
    wanted = re.search(r"GLOBAL ([\w.]+)", message) or re.search(r"[Gg]lobal[: ]+`?([\w.]+\.\w+)", message)
    if wanted is None:
        return InputError("can't be read as a checkpoint: truncated, damaged or not one", file=file)
    return InputError(
        "the file wants to run code to be read, which is refused; where you trust it, save its tensors alone: "
        f"python -c \"import torch; a = torch.load('{file.name}', weights_only=False); "
        "torch.save({k: v for k, v in a.items() if 'state_dict' in k}, 'state.pth')\"",
        file=file,
        key=wanted[1],
    )


def write_checkpoint(file: Path, state: Mapping[str, Tensor], container: Container) -> None:
    """Write a whole state dict, wrapped as in `container`.

    Raises:
        InputError: the folder can't be written or the disk is full.
    """
    named = {container.prefix + name: value for name, value in state.items()}
    with written_whole(file) as temporary, temporary.open("wb") as stream:
        try:
            torch.save({container.entry: named} if container.entry is not None else named, stream)
        except RuntimeError as error:  # torch's zip writer wraps the operating system's error
            raise OSError(str(error).splitlines()[0]) from error
