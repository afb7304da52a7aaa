"""Shared by cases of single modules: run forward and backward with recorded output weights and compare everything."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from labeldistill.parity import compare
from labeldistill.parity.compare import Comparison

NOISE = 1e-6
"""A gradient below this share of the largest one is rounding."""


def compare_module_run(
    mode: str, module: nn.Module, run: Callable[[], list[Tensor]], record: Mapping[str, Any]
) -> Iterator[Comparison]:
    """Compare a module's run with its record.

    The loss is the sum over outputs of output * grad_outputs, as recorded.

    Args:
        mode: "train" or "eval".
        module: the module.
        run: runs the module on the recorded inputs and returns its outputs.
        record: recorded outputs, grad_outputs, param_grads and buffers_after.
    """
    module.train(mode == "train")
    outputs = run()
    sum((o * g).sum() for o, g in zip(outputs, record["grad_outputs"], strict=True)).backward()
    for i, (ours, theirs) in enumerate(zip(outputs, record["outputs"], strict=True)):
        yield compare.output(f"{mode} output {i}", ours, theirs)
    parameters = dict(module.named_parameters())
    yield compare.exact(f"{mode} names with gradient", sorted(parameters), sorted(record["param_grads"]))
    largest = max(float(g.norm()) for g in record["param_grads"].values())
    for name, gradient in record["param_grads"].items():
        yield compare_gradient(f"{mode} gradient of {name}", parameters[name].grad, gradient, largest)
    buffers = dict(module.named_buffers())
    for name, value in record["buffers_after"].items():
        check = compare.output if value.is_floating_point() else compare.exact
        yield check(f"{mode} {name} after", buffers[name], value)


def compare_gradient(
    what: str, ours: Tensor | None, theirs: Tensor, largest: float, limit: float = compare.GRADIENT_LIMIT
) -> Comparison:
    """Compare a parameter's gradient; if the recorded one is rounding noise, ours must be noise too.

    A bias before a BatchNorm in training mode has no gradient: the recorded value is rounding, under 1e-7 of the
    largest gradient of the module, and can't be reproduced to 1e-3 of itself.

    Args:
        what: name of the gradient.
        ours: our gradient.
        theirs: the recorded gradient.
        largest: norm of the largest recorded gradient of the module.
        limit: largest relative error that passes.
    """
    if ours is None or float(theirs.norm()) >= NOISE * largest:
        return compare.gradient(what, torch.zeros(0) if ours is None else ours, theirs, limit)
    return Comparison(f"{what} (noise)", float(ours.norm()) / largest, NOISE)
