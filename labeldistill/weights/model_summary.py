"""Number of parameters in the parts of a study's models, without allocating them or needing data."""

from dataclasses import dataclass

import torch
from torch import nn

from labeldistill.config.load import load_study
from labeldistill.config.methods import FIXED_UNITS, stage_of
from labeldistill.config.runs import run_settings
from labeldistill.errors import InputError
from labeldistill.training.recipe import untrained_model
from labeldistill.weights.expected import largest_variant


@dataclass(frozen=True)
class Part:
    """One sub-module.

    Attributes:
        name: its path in the model.
        parameters: number of parameter values, frozen ones included.
        trained: number of these that the stage trains, without frozen teachers and a frozen stem.
        buffers: number of buffer values (running statistics, frustum).
    """

    name: str
    parameters: int
    trained: int
    buffers: int


@dataclass(frozen=True)
class Summary:
    """The parts of a model and their totals."""

    study: str
    unit: str
    frames: int | None
    parts: tuple[Part, ...]

    @property
    def parameters(self) -> int:
        """Parameters of the whole model, including frozen teachers."""
        return sum(part.parameters for part in self.parts)

    @property
    def trained(self) -> int:
        """Parameters that training changes."""
        return sum(part.trained for part in self.parts)

    @property
    def deployed(self) -> int:
        """Parameters used to detect: a student's camera branch and head, or the whole model."""
        camera = [part for part in self.parts if part.name.startswith(("backbone.", "head."))]
        return sum(part.parameters for part in camera or self.parts)


def summarise(study: str, unit: str | None = None) -> Summary:
    """Count a model's parameters by sub-module.

    Args:
        study: name of a study or a YAML file; its data need not exist.
        unit: a variant, `teacher` or `label-encoder`; None: the variant with the most terms.

    Raises:
        InputError: unknown study or variant, settings that contradict each other.
    """
    settings = load_study(study)
    unit = unit or largest_variant(settings)
    if unit not in settings.variants and unit not in FIXED_UNITS:
        raise InputError(
            f"no such variant in study {settings.name}; known: {', '.join((*settings.variants, *FIXED_UNITS))}",
            key=unit,
        )
    stage = stage_of(unit)
    run = run_settings(settings, stage, unit if stage == "student" else None, settings.teacher_seed)
    with torch.device("meta"):
        model = untrained_model(run)
    frames = len(run.student.frame_offsets) if run.student else None
    return Summary(settings.name, unit, frames, tuple(_parts(model)))


def _parts(model: nn.Module) -> list[Part]:
    """Children, replaced by their own children where these have names; parts without values are left out."""
    parts = []
    for name, child in model.named_children():
        inner = dict(child.named_children())
        if len(inner) < 2 or next(iter(inner)).isdigit():
            parts.append(_part(name, child))
            continue
        parts += [_part(f"{name}.{key}", part) for key, part in inner.items()]
        parts.append(_part(f"{name} (own)", child, recurse=False))
    return [part for part in parts if part.parameters or part.buffers]


def _part(name: str, module: nn.Module, *, recurse: bool = True) -> Part:
    parameters = list(module.parameters(recurse))
    return Part(
        name,
        parameters=sum(p.numel() for p in parameters),
        trained=sum(p.numel() for p in parameters if p.requires_grad),
        buffers=sum(b.numel() for b in module.buffers(recurse)),
    )
