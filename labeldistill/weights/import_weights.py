"""Import: a released checkpoint becomes a safetensors file under our names, with a parity report beside it."""

from pathlib import Path
from typing import Any

from torch import Tensor

from labeldistill.errors import InputError
from labeldistill.files import file_sha256, write_json
from labeldistill.weights.checkpoint_file import Checkpoint, read_checkpoint
from labeldistill.weights.convert import Match, UnmatchedError, best_match, ours, theirs
from labeldistill.weights.expected import Expected, expected
from labeldistill.weights.imported_file import tensors_hash, write_imported
from labeldistill.weights.key_map import COUNTER, UNUSED, Kind, kind_of
from labeldistill.weights.layouts import Layout
from labeldistill.weights.not_a_checkpoint import check_hash_in_name
from labeldistill.weights.weight_sets import WeightsName

BUFFERS = ("running_mean", "running_var", COUNTER, "voxel_size", "voxel_coord", "voxel_num", "frustum")
"""Last parts of the names of buffers."""
NAMED = 8
"""Unmatched names in the one-line message; the complete list is in `UnmatchedError.problems`."""


def report_path(out: Path) -> Path:
    """Path of the parity report of an imported file."""
    return out.with_suffix(".parity.json")


def import_weights(
    file: Path,
    out: Path,
    *,
    kind: Kind | None = None,
    study: str | None = None,
    layout: Layout | None = None,
    which: WeightsName | None = None,
) -> dict[str, Any]:
    """Read a released checkpoint strictly, write it as safetensors with a parity report, return the report.

    Args:
        file: the checkpoint.
        out: the safetensors file to write; the report lies beside it (`report_path`).
        kind: kind of the checkpoint; None determines it from its names.
        study: the study whose model it must fit; None: any model that was released.
        layout: layout of its sparse weights; None determines it from their shapes.
        which: raw or EMA weights; None: the only ones in the file.

    Raises:
        UnmatchedError: names or shapes that do not match; nothing is written.
        InputError: a file that can't be read, is not a state dict or of no known kind; an output that can't be written.
    """
    if out.suffix != ".safetensors":
        raise InputError("give a name that ends in .safetensors", file=out, key="--out")
    checkpoint = read_checkpoint(file, which)
    sha256 = file_sha256(file)
    check_hash_in_name(file, sha256)
    kind = kind or known_kind(checkpoint)
    found = matched(checkpoint, kind, expected(kind, study), layout)
    tensors = ours(checkpoint.state, found)
    report = _report(checkpoint, sha256, kind, found, tensors)
    about = {key: report[key] for key in ("kind", "model", "weights", "container", "sparse_layout", "filled", "source")}
    write_imported(out, tensors, {"imported": {**about, "names": list(found.names), "wrapped": checkpoint.wrapped}})
    try:
        write_json(report_path(out), report)
    except InputError:
        out.unlink(missing_ok=True)
        raise
    return report


def known_kind(checkpoint: Checkpoint) -> Kind:
    """The kind of a checkpoint, from its names.

    Raises:
        InputError: an unknown kind; the message gives the first name.
    """
    kind = kind_of(checkpoint.state)
    if kind is None:
        first = next(iter(checkpoint.state))
        message = f"the names are of no known kind of checkpoint ({', '.join(Kind)})"
        raise InputError(message, file=checkpoint.file, key=first)
    return kind


def matched(checkpoint: Checkpoint, kind: Kind, candidates: list[Expected], layout: Layout | None) -> Match:
    """The candidate that a checkpoint fits.

    Args:
        checkpoint: the checkpoint.
        kind: its kind.
        candidates: models to compare with.
        layout: layout of the sparse weights; None determines it.

    Raises:
        UnmatchedError: it fits none; the problems are those of the closest.
    """
    shapes = {name: tuple(value.shape) for name, value in checkpoint.state.items()}
    found = best_match(kind, shapes, candidates, layout)
    if found.problems:
        raise _unmatched(checkpoint, found)
    return found


def _unmatched(checkpoint: Checkpoint, found: Match) -> UnmatchedError:
    count = {what: sum(p.what == what for p in found.problems) for what in ("missing", "unknown", "shape")}
    words = ", ".join(f"{n} {what}" for what, n in count.items() if n)
    named = "; ".join(f"{p.what} {p.name} ({p.detail})" for p in found.problems[:NAMED])
    more = f"; and {len(found.problems) - NAMED} more" if len(found.problems) > NAMED else ""
    message = f"does not fit {found.expected.model}: {words}: {named}{more}"
    error = UnmatchedError(message, file=checkpoint.file, key=found.problems[0].name)
    error.problems = found.problems
    return error


def _report(
    checkpoint: Checkpoint, sha256: str, kind: Kind, found: Match, tensors: dict[str, Tensor]
) -> dict[str, Any]:
    source = tensors_hash(checkpoint.state)
    back = tensors_hash(theirs(tensors, found.names, found.layout))
    return {
        "kind": kind.value,
        "model": found.expected.model,
        "weights": checkpoint.weights,
        "source": {"file": checkpoint.file.name, "sha256": sha256},
        "container": {"entry": checkpoint.container.entry, "prefix": checkpoint.container.prefix},
        "sparse_layout": None if found.layout is None else found.layout.value,
        "counts": _counts(found, tensors),
        "filled": list(found.filled),
        "not_taken_over": list(checkpoint.others),
        "hash": {"checkpoint": source, "imported": tensors_hash(tensors), "round_trip": back},
        "bit_for_bit": back == source,
        "tensors": [
            {"theirs": name, "ours": our, "shape": list(tensors[our].shape), "dtype": _dtype(tensors[our])}
            for name, our in found.names.items()
        ],
    }


def _counts(found: Match, tensors: dict[str, Tensor]) -> dict[str, int]:
    used = {name: value for name, value in tensors.items() if not name.startswith(UNUSED)}
    parameters = [value.numel() for name, value in used.items() if not name.endswith(BUFFERS)]
    unused = [value.numel() for name, value in tensors.items() if name.startswith(UNUSED)]
    return {
        "expected": len(found.expected.shapes),
        "matched": len(found.names),
        "filled": len(found.filled),
        "unmatched": len(found.problems),
        "parameter_tensors": len(parameters),
        "parameters": sum(parameters),
        "unused_tensors": len(unused),
        "unused_values": sum(unused),
    }


def _dtype(value: Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")
