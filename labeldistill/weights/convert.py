"""From a checkpoint's state dict to ours and back: every name and shape accounted for, or nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from labeldistill.errors import InputError
from labeldistill.weights.expected import Expected
from labeldistill.weights.key_map import COUNTER, UNUSED, Kind, to_ours, to_theirs
from labeldistill.weights.layouts import Layout, Shape, from_layout, is_sparse, laid_out, layouts_that_fit, to_layout


@dataclass(frozen=True)
class Problem:
    """One name that does not match: missing in the checkpoint, unused, or with another shape."""

    what: Literal["missing", "unknown", "shape"]
    name: str
    detail: str

    def __str__(self) -> str:
        return f"{self.what}  {self.name}  {self.detail}"


@dataclass(frozen=True)
class Match:
    """A checkpoint compared with an expected model.

    Attributes:
        expected: the expected model.
        names: the checkpoint's name -> ours, for those that match.
        layout: layout of its sparse weights, None without any.
        filled: our names that are missing in old files and filled with zeros (BatchNorm's counters).
        problems: everything that does not match.
    """

    expected: Expected
    names: dict[str, str]
    layout: Layout | None
    filled: tuple[str, ...]
    problems: tuple[Problem, ...]


class UnmatchedError(InputError):
    """A checkpoint that does not fit; `problems` lists every name."""

    problems: tuple[Problem, ...] = ()


def match(kind: Kind, shapes: Mapping[str, Shape], expected: Expected, layout: Layout | None = None) -> Match:
    """Compare the names and shapes of a checkpoint with an expected model.

    Args:
        kind: kind of the checkpoint.
        shapes: the checkpoint's name -> shape.
        expected: the model to compare with.
        layout: layout of the sparse weights; None determines it.

    Raises:
        InputError: several layouts fit, so that only the user can know.
    """
    names = {name: ours for name in shapes if (ours := to_ours(kind, name)) in expected.shapes and ours is not None}
    found = {ours: shapes[name] for name, ours in names.items()}
    best, fitting = layouts_that_fit(found, expected.shapes)
    if layout is None and len(fitting) > 1:
        raise InputError("sparse weights fit several layouts; give --sparse-layout", key=next(iter(names)))
    layout = None if best is None else layout or best
    wanted = {n: laid_out(s, layout) if layout and is_sparse(n, s) else s for n, s in expected.shapes.items()}
    filled = _counters(kind, found, wanted)
    absent = _absent_parts(found, wanted, expected.optional)
    problems = [
        Problem("missing", to_theirs(kind, n) or n, f"expected {list(s)}")
        for n, s in wanted.items()
        if n not in found and n not in filled and not n.startswith(absent)
    ]
    problems += [Problem("unknown", n, f"has {list(s)}") for n, s in shapes.items() if n not in names]
    problems += [
        Problem("shape", n, f"has {list(shapes[n])}, expected {list(wanted[ours])}")
        for n, ours in names.items()
        if shapes[n] != wanted[ours]
    ]
    return Match(expected, names, layout, filled, tuple(problems))


def _counters(kind: Kind, found: Mapping[str, Shape], wanted: Mapping[str, Shape]) -> tuple[str, ...]:
    if kind is not Kind.torchvision_resnet or any(name.endswith(COUNTER) for name in found):
        return ()
    return tuple(name for name in wanted if name.endswith(COUNTER))


def _absent_parts(
    found: Mapping[str, Shape], wanted: Mapping[str, Shape], optional: tuple[str, ...]
) -> tuple[str, ...]:
    """Unused and optional parts that are completely absent from the checkpoint: `unused.head.`, `unused.fc.`."""
    parts = {f"{UNUSED}{name.split('.')[1]}." for name in wanted if name.startswith(UNUSED)} | set(optional)
    return tuple(part for part in parts if not any(name.startswith(part) for name in found))


def best_match(kind: Kind, shapes: Mapping[str, Shape], candidates: list[Expected], layout: Layout | None) -> Match:
    """The candidate with the fewest problems.

    Args:
        kind: kind of the checkpoint.
        shapes: the checkpoint's name -> shape.
        candidates: models to compare with.
        layout: layout of the sparse weights; None determines it.
    """
    return min((match(kind, shapes, each, layout) for each in candidates), key=lambda found: len(found.problems))


def ours(state: Mapping[str, Tensor], found: Match) -> dict[str, Tensor]:
    """The tensors with our names and layout, bit for bit, without shared memory."""
    tensors = {}
    for name, our_name in found.names.items():
        value = state[name]
        if found.layout is not None and is_sparse(our_name, tuple(value.shape)):
            value = from_layout(value, found.layout)
        tensors[our_name] = value.contiguous()
    tensors.update({name: torch.zeros((), dtype=torch.int64) for name in found.filled})
    return _unshared(tensors)


def theirs(tensors: Mapping[str, Tensor], names: Mapping[str, str], layout: Layout | None) -> dict[str, Tensor]:
    """The inverse of `ours`; `names` is the checkpoint's name -> ours, in the checkpoint's order."""
    state = {}
    for name, our_name in names.items():
        value = tensors[our_name]
        sparse = layout is not None and is_sparse(our_name, tuple(value.shape))
        state[name] = to_layout(value, layout) if sparse and layout is not None else value
    return state


def _unshared(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    seen: set[int] = set()
    for name, value in tensors.items():
        storage = value.untyped_storage()
        if storage.data_ptr() in seen or storage.nbytes() != value.numel() * value.element_size():
            tensors[name] = value.clone()
        seen.add(storage.data_ptr())
    return tensors
