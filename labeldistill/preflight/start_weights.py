"""Gate 5: what networks start from. Files as named, loaded to the last name, of the kind that is meant, and trained."""

import math
from pathlib import Path

import torch
from torch import Tensor, nn

from labeldistill.config.methods import FIXED_UNITS, STAGES
from labeldistill.config.study import RunSettings
from labeldistill.errors import LabelDistillError
from labeldistill.models.resnet import ResNet
from labeldistill.preflight.context import Context
from labeldistill.preflight.gate import Gate, Looks
from labeldistill.preflight.reference_forward import statistics_agree
from labeldistill.study.plan import PlannedRun
from labeldistill.study.start_weights import starts_of
from labeldistill.training.recipe import (
    PARENT_WEIGHTS,
    STARTED_PART,
    build_model,
    load_pretrained,
    load_state,
    untrained_model,
)
from labeldistill.training.weights_file import read_weights, weights_path

NAME = "start-weights"
SMOOTH = 0.2
"""Mean correlation of neighbouring weights in a trained stem of 7 x 7 kernels; a random one has none."""
AGREE = 0.5
"""Correlation of a network's own statistics with those that its BatchNorm recorded in training."""


def look(context: Context) -> Gate:
    """Look at every file that a training of the study would start from, and at the parents that are there already."""
    looks = Looks(NAME)
    _starts(context, looks)
    for unit, run in context.runs.items():
        if unit in FIXED_UNITS and run.record.is_file():
            _parent(run, looks)
    return looks.gate()


def _starts(context: Context, looks: Looks) -> None:
    for start in starts_of(context.plan.study):
        if start.state == "random":
            how = f"{start.setting}: random weights, asked for by name"
            looks.passed(how)
            continue
        if start.state != "there":
            looks.failed(str(start), f"see labeldistill weights list --study {context.plan.study.name}")
            continue
        try:
            network = _loaded(context.settings(start.units[0]), start.setting, start.value or "")
        except LabelDistillError as error:
            looks.failed(f"{start.setting}: {error}", "import the public file again: labeldistill weights import")
            continue
        looks.passed(f"{start.setting}: {start.value} loaded strictly, made of {start.found[:8] or 'a run here'}")
        if isinstance(network, ResNet):
            look_at_backbone(network, start.setting, looks)


def _loaded(run: RunSettings, setting: str, value: str) -> nn.Module:
    """The part of a run that starts from a file, with the file in it."""
    network = untrained_model(run)
    load_pretrained(network, value, setting)
    return network.get_submodule(STARTED_PART[setting])


def look_at_backbone(backbone: nn.Module, name: str, looks: Looks) -> None:
    """Tell a trained image backbone from a random one, by its stem and by what it makes of a picture."""
    stem = next(value for key, value in backbone.named_parameters() if value.ndim == 4 and value.shape[-1] == 7)
    smooth = stem_smoothness(stem)
    looks.judged(
        smooth >= SMOOTH,
        f"{name}: neighbouring weights of the stem correlate by {smooth:.2f}",
        "the stem is random: the file lacks it or was not loaded; import the public file again",
    )
    agree = statistics_agree(backbone)
    looks.judged(
        agree >= AGREE,
        f"{name}: a picture's statistics agree with those recorded in training by {agree:.2f}",
        "weights, BatchNorm statistics and preprocessing don't belong together: see the gate `preprocessing`",
    )


def stem_smoothness(stem: Tensor) -> float:
    """Mean correlation [-1, 1] of horizontally and vertically neighbouring weights of kernels [C, 3, k, k]."""
    kernels = stem.detach().double()
    kernels = kernels - kernels.mean(dim=(-2, -1), keepdim=True)
    norm = kernels.square().mean()
    across = (kernels[..., :, 1:] * kernels[..., :, :-1]).mean() + (kernels[..., 1:, :] * kernels[..., :-1, :]).mean()
    found = float(across / 2 / norm) if norm > 0 else math.nan
    return found if math.isfinite(found) else 0.0


def _parent(run: PlannedRun, looks: Looks) -> None:
    """Weights of a parent that is there already: read whole, held against the record, of the kind that teaches."""
    file: Path = weights_path(run.folder, PARENT_WEIGHTS)
    advice = f"delete {run.folder} to train it anew, or bring the file back from a copy"
    try:
        state, about = read_weights(file, run_key=run.key)
        kind = str(about.get("weights"))
    except LabelDistillError as error:
        looks.failed(str(error), advice)
        return
    looks.judged(kind == PARENT_WEIGHTS, f"{run.unit}: {kind} weights of run {about['run_key'][:12]}", advice)
    settings = run.settings
    try:
        model = build_model(settings, {parent.stage: parent.folder for parent in run.parents}, inference=True)
        load_state(model, state, file, frozen=STAGES[run.stage].frozen)
    except LabelDistillError as error:
        looks.failed(f"{run.unit}: {error}", advice)
        return
    twin = weights_path(run.folder, "raw")
    if settings.training.ema_decay and twin.is_file() and _same(file, twin):
        looks.failed(f"{run.unit}: EMA and raw weights are the same numbers", advice)


def _same(one: Path, other: Path) -> bool:
    from safetensors.torch import load_file

    first, second = load_file(one), load_file(other)
    names = [name for name, value in first.items() if value.is_floating_point() and name in second]
    return all(torch.equal(first[name], second[name]) for name in names)
