"""Which channel group of which frame receives gradient from which loss term, measured on one batch."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from labeldistill.config.terms import Term, term_spec
from labeldistill.data.batch import Batch
from labeldistill.distillation.model import DistilledStudent
from labeldistill.distillation.partition import GROUPS
from labeldistill.distillation.term_inputs import FeaturePair, TermInputs
from labeldistill.distillation.terms import weighted_terms


@dataclass(frozen=True)
class ChannelGradient:
    """Gradient that one term sends into one channel group.

    Attributes:
        term: the loss term.
        compared_at: the scale at which a feature term compares; None for other terms.
        scale: 0: BEV maps of the frames; 1: the trunk's first stage.
        frame_offset: key-frame offset of the channels at scale 0; None at scale 1, which mixes the frames.
        group: channel group under the run's partition; `all` without a partition.
        gradient: L2 norm of the weighted term's gradient there.
        trains: whether these channels depend on parameters of the student and the gradient is not zero.
    """

    term: Term
    compared_at: int | None
    scale: int
    frame_offset: int | None
    group: str
    gradient: float
    trains: bool


@dataclass(frozen=True)
class PartGradient:
    """L2 norm of the gradient that one term sends into the parameters of one part of the model."""

    term: Term
    compared_at: int | None
    part: str
    gradient: float


@dataclass(frozen=True)
class GradientAudit:
    """The two tables of an audit, and layers that nothing trains.

    Attributes:
        channels: one row per term, scale, frame and group.
        parts: one row per term and part.
        idle: layers of the student that no term depends on through a gradient, frozen ones among them.
    """

    channels: list[ChannelGradient]
    parts: list[PartGradient]
    idle: list[str] = field(default_factory=list)


def gradient_audit(model: DistilledStudent, batch: Batch) -> GradientAudit:
    """Measure where each loss term of the model sends gradient, in train mode, without changing the model.

    In the release with three frames, the LiDAR group at scale 0 is the second frame, whose BEV map is computed
    without gradient, so that comparison trains only its adaptor.
    """
    model = copy.deepcopy(model).train()
    seen = model.term_inputs(batch)
    names, parameters = zip(*[(k, p) for k, p in model.named_parameters() if p.requires_grad], strict=True)
    behind = _frames_with_parameters(model, seen)
    audit, reached = GradientAudit([], []), set[str]()
    for term, compared_at, value in _sources(model, seen):
        wanted = [*seen.features, *parameters]
        gradients = torch.autograd.grad(value, wanted, retain_graph=True, allow_unused=True)
        for scale, gradient in enumerate(gradients[:2]):
            rows = _channel_rows(model, scale, seen.features[scale].shape[1], gradient, behind)
            audit.channels.extend(ChannelGradient(term, compared_at, scale, *row) for row in rows)
        for part, _ in model.named_children():
            own = [g for k, g in zip(names, gradients[2:], strict=True) if k.split(".")[0] == part and g is not None]
            audit.parts.append(PartGradient(term, compared_at, part, _norm(own)))
        # a gradient of zeros is no fault: blocks start as zeros, and a batch may lack a class
        reached |= {k for k, g in zip(names, gradients[2:], strict=True) if g is not None}
    audit.idle.extend(_idle(model, reached))
    return audit


def _idle(model: DistilledStudent, reached: set[str]) -> Iterator[str]:
    """Layers of the student none of whose parameters was reached."""
    for part in ("backbone", "head"):
        for name, layer in model.get_submodule(part).named_modules(prefix=part):
            own = [f"{name}.{key}" for key, _ in layer.named_parameters(recurse=False)]
            if own and reached.isdisjoint(own):
                yield name


def _norm(gradients: Sequence[Tensor]) -> float:
    return float(torch.stack([g.double().norm() for g in gradients]).norm()) if gradients else 0.0


def _sources(model: DistilledStudent, seen: TermInputs) -> Iterator[tuple[Term, int | None, Tensor]]:
    """Every weighted term; feature terms are split by scale."""
    group_of = {term: group for term in model.terms if (group := term_spec(term).group) is not None}
    whole = {term: weight for term, weight in model.terms.items() if term not in group_of}
    for term, value in weighted_terms(whole, seen, model.term_options).items():
        yield term, None, value
    for term, group in group_of.items():
        pair = seen.pairs[group]
        for scale in range(len(pair.adapted)):
            only = replace(seen, pairs={group: FeaturePair([pair.adapted[scale]], [pair.target[scale]])})
            yield term, scale, weighted_terms({term: model.terms[term]}, only, model.term_options)[term]


def _frames_with_parameters(model: DistilledStudent, seen: TermInputs) -> list[bool]:
    """Whether each frame's BEV map depends on parameters that train."""
    parameters = [p for p in model.backbone.parameters() if p.requires_grad]
    found = []
    for block in seen.features[0].chunk(len(model.frame_offsets), dim=1):
        gradients = torch.autograd.grad(block.square().sum(), parameters, retain_graph=True, allow_unused=True)
        found.append(_norm([g for g in gradients if g is not None]) > 0)
    return found


def _channel_rows(
    model: DistilledStudent, scale: int, channels: int, gradient: Tensor | None, behind: Sequence[bool]
) -> Iterator[tuple[int | None, str, float, bool]]:
    """(frame offset, group, norm, trains) of every group that has channels in a frame."""
    frames: Sequence[int | None] = model.frame_offsets if scale == 0 else [None]
    groups = _groups(model, scale, channels)
    width = channels // len(frames)
    for f, offset in enumerate(frames):
        block = groups[f * width : (f + 1) * width]
        for group in dict.fromkeys(block):
            index = [f * width + c for c, name in enumerate(block) if name == group]
            norm = 0.0 if gradient is None else _norm([gradient[:, index]])
            yield offset, group, norm, norm > 0 and (behind[f] if scale == 0 else True)


def _groups(model: DistilledStudent, scale: int, channels: int) -> list[str]:
    """Name of the group of every channel of a scale."""
    if not model.partitions:
        return ["all"] * channels
    partition = model.partitions[scale]
    names = [""] * partition.channels
    for group in GROUPS:
        for part in partition.slices(group):
            names[part] = [f"{name}+{group}".lstrip("+") for name in names[part]]
    return names
