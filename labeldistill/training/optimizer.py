"""Optimiser groups: which learning rate and weight decay every parameter gets."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from labeldistill.training.job import TrainingJob

NORM_LAYERS = (_BatchNorm, nn.LayerNorm, nn.GroupNorm)
IMAGE_BACKBONE = "backbone.img_backbone."


@dataclass(frozen=True)
class ParameterRule:
    """The learning rate and weight decay of one parameter."""

    name: str
    lr: float
    weight_decay: float


def norms_and_biases(model: nn.Module) -> set[str]:
    """Names of the parameters of normalisation layers and of all biases."""
    found = {name for name, _ in model.named_parameters() if name.endswith("bias")}
    for prefix, module in model.named_modules():
        if isinstance(module, NORM_LAYERS):
            found.update(f"{prefix}.{name}" if prefix else name for name, _ in module.named_parameters(recurse=False))
    return found


def parameter_rules(
    parameters: Iterable[tuple[str, bool]],
    *,
    lr: float,
    weight_decay: float,
    backbone_lr_multiplier: float,
    backbone_by_substring: bool,
    undecayed: Iterable[str] = (),
) -> list[ParameterRule]:
    """One rule a parameter, in order.

    Args:
        parameters: name and whether it is trained (requires_grad).
        lr: base learning rate.
        weight_decay: of every parameter but `undecayed`.
        backbone_lr_multiplier: factor on the backbone's learning rate.
        backbone_by_substring: released: every trained parameter with `backbone` anywhere in its name (image neck, depth
            net and the teacher's pts_backbone too; a frozen parameter is listed at the base rate). Otherwise: the
            image backbone only.
        undecayed: names without weight decay.

    Source: the release's experiment files through mmcv's DefaultOptimizerConstructor (custom_keys `backbone`).
    """
    skip = set(undecayed)

    def multiplier(name: str, trained: bool) -> float:
        if backbone_by_substring:
            return backbone_lr_multiplier if trained and "backbone" in name else 1.0
        return backbone_lr_multiplier if name.startswith(IMAGE_BACKBONE) else 1.0

    return [
        ParameterRule(name, lr * multiplier(name, trained), 0.0 if name in skip else weight_decay)
        for name, trained in parameters
    ]


def build_adamw(model: nn.Module, rules: Iterable[ParameterRule], trained: set[str]) -> torch.optim.AdamW:
    """AdamW over the `trained` parameters that ask for gradients, with one group for each (lr, weight decay).

    Every group keeps its base rate under `initial_lr`; the schedule multiplies that. The fused step is one pass over
    all parameters without a word to the host: a fifth of the time of one by one, which it equals up to rounding.
    """
    parameters = dict(model.named_parameters())
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for rule in rules:
        parameter = parameters[rule.name]
        if rule.name in trained and parameter.requires_grad:
            groups.setdefault((rule.lr, rule.weight_decay), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": members, "lr": lr, "initial_lr": lr, "weight_decay": decay}
            for (lr, decay), members in groups.items()
        ],
        fused=True,
    )


def build_optimizer(job: TrainingJob) -> torch.optim.AdamW:
    """AdamW with a run's groups."""
    training = job.training
    named = list(job.model.named_parameters())
    rules = parameter_rules(
        [(name, parameter.requires_grad) for name, parameter in named],
        lr=training.lr,
        weight_decay=training.weight_decay,
        backbone_lr_multiplier=training.backbone_lr_multiplier,
        backbone_by_substring=job.released("lr_groups"),
        undecayed=() if job.released("norm_weight_decay") else norms_and_biases(job.model),
    )
    return build_adamw(job.model, rules, {name for name, _ in named if job.is_trained(name)})
