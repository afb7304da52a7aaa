"""Export: our weights with the names, layout and file format of the released code."""

from pathlib import Path
from typing import Any

from torch import Tensor

from labeldistill.errors import InputError
from labeldistill.weights.checkpoint_file import write_checkpoint
from labeldistill.weights.convert import theirs
from labeldistill.weights.imported_file import read_safetensors, tensors_hash
from labeldistill.weights.key_map import CONTAINERS, UNUSED, Container, Kind, to_ours, to_theirs
from labeldistill.weights.layouts import Layout, is_sparse

KIND_OF_STAGE: dict[str, Kind] = {
    "teacher": Kind.mmdet3d_centerpoint,
    "label-encoder": Kind.label_encoder,
    "student": Kind.labeldistill,
}
"""Default kind of checkpoint for weights trained here."""


def export_weights(file: Path, out: Path, *, kind: Kind | None = None, layout: Layout | None = None) -> dict[str, Any]:
    """Write a file of `weights import` or of `train` as a checkpoint of the released code.

    An imported file is written as the original checkpoint, bit for bit, unless another kind or layout is asked for.
    Weights trained here contain only what was trained: a student's checkpoint has no teachers.

    Args:
        file: one of our safetensors files.
        out: the checkpoint to write.
        kind: kind of checkpoint; None: the kind it was imported from, or that of its stage.
        layout: layout of sparse weights; None: the original one, or mmcv's.

    Returns:
        Kind, layout, number of tensors, what was left out, hash of the state dict.

    Raises:
        InputError: a file that is not ours, a name unknown to the kind, an output that can't be written.
    """
    if out.suffix == ".safetensors":
        raise InputError("an export is a checkpoint; give a name such as x.pth", file=out, key="--out")
    tensors, about = read_safetensors(file)
    imported: dict[str, Any] = about.get("imported", {})
    wrapped: dict[str, str] = {}
    if imported and kind in (None, Kind(imported["kind"])):
        kind, container = Kind(imported["kind"]), Container(**imported["container"])
        names, wrapped = _recorded_names(file, kind, tensors, imported), imported.get("wrapped", {})
    else:
        kind = kind or KIND_OF_STAGE[_stage(file, about)]
        container, names = CONTAINERS[kind], _mapped_names(file, kind, tensors)
    sparse = any(is_sparse(name, tuple(value.shape)) for name, value in tensors.items())
    if sparse and layout is None:
        layout = Layout(imported.get("sparse_layout", Layout.mmcv))
    state = theirs(tensors, names, layout if sparse else None)
    write_checkpoint(out, {wrapped.get(name, name): value for name, value in state.items()}, container)
    left_out = sorted(set(tensors) - set(names.values()))
    return {
        "kind": kind.value,
        "sparse_layout": layout.value if sparse and layout else None,
        "tensors": len(state),
        "left_out": left_out,
        "hash": tensors_hash(state),
    }


def _recorded_names(file: Path, kind: Kind, tensors: dict[str, Tensor], imported: dict[str, Any]) -> dict[str, str]:
    names = {name: to_ours(kind, name) or "" for name in imported["names"]}
    for name in names.values():
        if name not in tensors:
            raise InputError("the metadata names this tensor, the file lacks it", file=file, key=name)
    unknown = set(tensors) - set(names.values()) - set(imported["filled"])
    if unknown:
        raise InputError("the metadata does not name this tensor", file=file, key=min(unknown))
    return names


def _mapped_names(file: Path, kind: Kind, tensors: dict[str, Tensor]) -> dict[str, str]:
    names = {}
    for ours in tensors:
        name = to_theirs(kind, ours)
        if name is not None:
            names[name] = ours
        elif not ours.startswith(UNUSED):
            raise InputError(f"a checkpoint of kind {kind} has no place for this tensor", file=file, key=ours)
    return names


def _stage(file: Path, about: dict[str, Any]) -> str:
    stage = str(about.get("stage"))
    if stage not in KIND_OF_STAGE:
        raise InputError(f"is of stage {stage}; give --kind", file=file, key="stage")
    return stage
