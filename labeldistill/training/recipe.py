"""The model and the items of a run, built by its stage on the weights of its parents."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from labeldistill.config.base import load_object
from labeldistill.config.load import start_file
from labeldistill.config.methods import METHODS, STAGES, Stage, parents_of
from labeldistill.config.model import RANDOM
from labeldistill.config.study import RunSettings
from labeldistill.data.dataset import KeyFrameDataset
from labeldistill.data.infos import Infos
from labeldistill.errors import InputError
from labeldistill.training.seeding import derived_seed
from labeldistill.training.verified_weights import refuse_other_file
from labeldistill.training.weights_file import WeightsName, read_weights, weights_path

CACHE_BYTES = 256 * 2**20
"""Decoded images of a training split are cached in memory up to this size."""

GEOMETRY = ("voxel_size", "voxel_coord", "voxel_num", "frustum")
"""Last parts of the names of buffers that describe image, depth bins and BEV grid instead of weights."""

STARTED_PART: dict[str, str] = {
    "student.pretrained_backbone": "backbone.img_backbone",
    "student.pretrained": "",
    "teacher.pretrained": "",
    "label_encoder.pretrained": "label_encoder",
}
"""Setting that names start weights -> the part of the run's model that they are of; empty: the whole."""

UNUSED = "unused."
"""Prefix of parts that an imported file holds only for export: classifiers, and heads of which only losses are used."""

PARENT_WEIGHTS: WeightsName = "ema"
"""As in the release, whose teacher and label encoder are files written by its EMA callback."""


def training_items(run: RunSettings, infos_dir: Path) -> KeyFrameDataset:
    """The training split.

    Raises:
        InputError: an index that is missing or damaged, or does not have the split.
    """
    infos = Infos.open(infos_dir, run.data.dataroot)
    pixels = int(infos.cameras.size_px.astype("int64").prod(axis=1).sum())
    small = pixels * 3 <= CACHE_BYTES and run.training.loader_workers == 0
    return KeyFrameDataset(infos, run, "train", training=True, cache_images=small)


def build_model(run: RunSettings, parents: Mapping[Stage, Path] | None = None, *, inference: bool = False) -> nn.Module:
    """The model of a run's stage with fresh weights drawn from the run's seed, and its parents' weights loaded.

    Args:
        run: resolved settings.
        parents: stage -> run folder of what it builds on (see `methods.parents_of`).
        inference: the model is only used to detect: a student then needs no parents, and no pretrained weights are
            loaded.

    Raises:
        InputError: a parent is missing, or was trained under other settings than this run's.
    """
    parents = parents or {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(run.seed, "init"))
        if run.stage == "student":
            return _student(run, parents, inference)
        build = load_object(STAGES[run.stage].model or "")
        taught = [_parent(run, parents, stage) for stage in STAGES[run.stage].parents]
        model: nn.Module = build.from_settings(run, *taught)
        if run.stage == "teacher" and run.teacher is not None and not inference:
            load_pretrained(model, run.teacher.pretrained, "teacher.pretrained")
        if run.stage == "label-encoder" and run.label_encoder is not None and not inference:
            load_pretrained(model, run.label_encoder.pretrained, "label_encoder.pretrained")
        return model


def _student(run: RunSettings, parents: Mapping[Stage, Path], inference: bool) -> nn.Module:
    build = load_object(METHODS[run.method].student)
    if inference:
        return build.from_settings(run)  # type: ignore[no-any-return]
    wanted = parents_of(run.stage, run.needs)
    taught = {stage: _parent(run, parents, stage) for stage in wanted}
    # initialised last and from its own seed, so that every variant of a seed starts from the same student
    torch.manual_seed(derived_seed(run.seed, "init", "student"))
    model: nn.Module = build.from_settings(run, taught.get("teacher"), taught.get("label-encoder"))
    if run.student is not None:
        load_pretrained(model, run.student.pretrained_backbone, "student.pretrained_backbone")
        load_pretrained(model, run.student.pretrained, "student.pretrained")
    return model


def untrained_model(run: RunSettings) -> nn.Module:
    """The model of a run with its parents in place, all of them with fresh weights: for checks and for counting."""
    wanted = parents_of(run.stage, run.needs)
    taught = {stage: load_object(_AS_PARENT[stage][0]).from_settings(run) for stage in wanted}
    if run.stage != "student":
        return load_object(STAGES[run.stage].model or "").from_settings(run, *taught.values())  # type: ignore[no-any-return]
    build = load_object(METHODS[run.method].student)
    return build.from_settings(run, taught.get("teacher"), taught.get("label-encoder"))  # type: ignore[no-any-return]


def load_pretrained(model: nn.Module, path: str | None, key: str) -> None:
    """Load a file of `labeldistill weights import`, or weights of a finished run, into a model's part, strictly.

    If `path` is `random` or None (see `check_start`), the model is left unchanged. Ignored are parts that an import
    marked as unused, ImageNet's classifier, and in the weights of a whole run the other parts.

    Args:
        model: model of the run.
        path: the file; with a run's record beside it, its SHA-256 must be the one in there.
        key: the setting that names it, one of `STARTED_PART`.

    Raises:
        InputError: missing or unreadable file, not the one in the record beside it, unmatched names or shapes.
    """
    if path is None or path == RANDOM:
        return
    file = start_file(path)
    try:
        state = load_file(file)
    except FileNotFoundError as error:
        raise InputError("no such file", file=file, key=key) from error
    except (SafetensorError, OSError) as error:
        raise InputError(f"not a readable safetensors file ({error})", file=file, key=key) from error
    refuse_other_file(file)
    part = STARTED_PART[key]
    if part and any(name.startswith(f"{part}.") for name in state):
        state = {n.removeprefix(f"{part}."): value for n, value in state.items() if n.startswith(f"{part}.")}
    wanted = {name: value for name, value in state.items() if not name.startswith((UNUSED, "fc."))}
    module = model.get_submodule(part)
    if key == "student.pretrained":
        # geometry is the run's own, and what only distillation has is in no baseline: both stay as they are
        there = {name.partition(".")[0] for name in wanted}
        own = module.state_dict().items()
        wanted |= {n: v for n, v in own if n.partition(".")[0] not in there or n.rpartition(".")[2] in GEOMETRY}
    load_state(module, wanted, file)


def check_start(run: RunSettings) -> None:
    """Refuse a training whose initial weights are not specified, or that would freeze random weights.

    Raises:
        InputError: names the setting.
    """
    said = {"teacher.pretrained": run.teacher.pretrained if run.stage == "teacher" and run.teacher else RANDOM}
    if run.student is not None:
        said["student.pretrained_backbone"] = run.student.pretrained_backbone
        if run.student.pretrained_backbone == RANDOM and run.student.backbone_frozen_stages >= 0:
            raise InputError("freezes random weights: they would never learn", key="student.backbone_frozen_stages")
    for key, value in said.items():
        if value is None:
            raise InputError(f"does not say what the training starts from; name a file, or `{RANDOM}`", key=key)


_AS_PARENT: dict[Stage, tuple[str, tuple[str, ...], str]] = {
    "teacher": ("labeldistill.models.teacher:LidarTeacher", ("teacher", "grid"), ""),
    "label-encoder": (
        "labeldistill.distillation.label_encoder:LabelEncoder",
        ("label_encoder", "grid"),
        "label_encoder.",
    ),
}
"""Stage -> the part that children hold, settings that must equal theirs, and the prefix of its names in its weights."""


def _parent(run: RunSettings, parents: Mapping[Stage, Path], stage: Stage) -> nn.Module:
    """The part of a parent that a run holds, with the parent's weights."""
    if stage not in parents:
        name = stage.replace("-", " ")
        raise InputError(f"this run needs a trained {name}; none was given", key=name.replace(" ", "_"))
    model: nn.Module = load_object(_AS_PARENT[stage][0]).from_settings(run)
    _load_parent(model, run, stage, parents[stage])
    return model


def _load_parent(model: nn.Module, run: RunSettings, stage: Stage, folder: Path) -> None:
    _, same, prefix = _AS_PARENT[stage]
    file = weights_path(folder, PARENT_WEIGHTS)
    state, about = read_weights(file)
    if about["stage"] != stage:
        raise InputError(f"holds a {about['stage']}, not a {stage}", file=file, key="stage")
    if about.get("status") == "diverged":
        raise InputError(f"this {stage} diverged and can't be used as a teacher", file=file, key="status")
    asked = run.model_dump(mode="json")
    for part in same:
        if _compared(about["settings"].get(part)) != _compared(asked[part]):
            raise InputError(
                f"this {stage} was trained with settings other than those of this run", file=file, key=part
            )
    own = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    load_state(model, own, file)


def _compared(settings: Any) -> Any:
    """Settings without the origin of the initial weights: moving a file changes nothing."""
    return {k: v for k, v in settings.items() if k != "pretrained"} if isinstance(settings, dict) else settings


def load_state(model: nn.Module, state: dict[str, torch.Tensor], file: Path, frozen: tuple[str, ...] = ()) -> None:
    """Load a state dict strictly.

    Args:
        model: the model to load into.
        state: name -> tensor.
        file: where the state came from, for the message.
        frozen: prefixes of names that may be missing, because runs do not save them.

    Raises:
        InputError: unmatched names or shapes; the first is named.
    """
    own = model.state_dict()
    missing = [name for name in own if name not in state and not (frozen and name.startswith(frozen))]
    unknown = [name for name in state if name not in own]
    shapes = [name for name, value in state.items() if name in own and value.shape != own[name].shape]
    for names, problem in ((missing, "lacks"), (unknown, "has an unknown"), (shapes, "has another shape of")):
        if names:
            raise InputError(f"{problem} {names[0]} ({len(names)} in all)", file=file, key=names[0])
    model.load_state_dict(state, strict=False)
