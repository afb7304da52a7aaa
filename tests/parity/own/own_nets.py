"""Layers as formulas over named weights in float64, and the recording of a forward and backward run of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional as F

Forward = Callable[["Weights", Sequence[Tensor]], list[Tensor]]


def normal(rng: Generator, *shape: int) -> Tensor:
    """Normal numbers, float32."""
    return torch.from_numpy(rng.standard_normal(shape).astype(np.float32))


def norm_state(rng: Generator, name: str, channels: int) -> dict[str, Tensor]:
    """Weights and statistics of a BatchNorm, none of them at its start value."""
    return {
        f"{name}.weight": normal(rng, channels).abs() + 0.5,
        f"{name}.bias": normal(rng, channels),
        f"{name}.running_mean": normal(rng, channels),
        f"{name}.running_var": normal(rng, channels).abs() + 0.5,
        f"{name}.num_batches_tracked": torch.tensor(3),
    }


class Weights:
    """A state dict in float64 with gradients, in one of the two modes; buffers are replaced, never changed in place."""

    def __init__(self, state: Mapping[str, Tensor], train: bool) -> None:
        self.train = train
        self.buffers = {k: v.double() if v.is_floating_point() else v for k, v in state.items() if _is_buffer(k)}
        self.parameters = {k: v.double().requires_grad_() for k, v in state.items() if not _is_buffer(k)}

    def __getitem__(self, name: str) -> Tensor:
        return self.parameters[name]

    def normalised(self, x: Tensor, name: str, *, eps: float = 1e-5, momentum: float = 0.1) -> Tensor:
        """BatchNorm of x [rows, C]: by the rows' own statistics in training, else by the running ones."""
        mean, variance = self.buffers[f"{name}.running_mean"], self.buffers[f"{name}.running_var"]
        if self.train:
            rows, old = len(x), (mean, variance)
            mean = x.sum(0) / rows
            variance = (x - mean).square().sum(0) / rows
            new = (mean.detach(), variance.detach() * rows / (rows - 1))
            for buffer, before, now in zip(("running_mean", "running_var"), old, new, strict=True):
                self.buffers[f"{name}.{buffer}"] = (1 - momentum) * before + momentum * now
            self.buffers[f"{name}.num_batches_tracked"] = self.buffers[f"{name}.num_batches_tracked"] + 1
        return (x - mean) / (variance + eps).sqrt() * self[f"{name}.weight"] + self[f"{name}.bias"]

    def image_norm(self, x: Tensor, name: str) -> Tensor:
        """BatchNorm of [B, C, H, W] over samples and pixels."""
        b, c, h, w = x.shape
        rows = self.normalised(x.permute(0, 2, 3, 1).reshape(-1, c), name)
        return rows.view(b, h, w, c).permute(0, 3, 1, 2)

    def residual_block(self, x: Tensor, name: str) -> Tensor:
        """Two 3 x 3 convolutions with BatchNorm around a shortcut."""
        inner = F.conv2d(x, self[f"{name}.conv1.weight"], padding=1)
        inner = self.image_norm(inner, f"{name}.bn1").clamp(min=0)
        inner = self.image_norm(F.conv2d(inner, self[f"{name}.conv2.weight"], padding=1), f"{name}.bn2")
        return (x + inner).clamp(min=0)

    def replicate_conv(self, x: Tensor, name: str, stride: int = 1) -> Tensor:
        """3 x 3 convolution with bias over an image whose border pixels are repeated once."""
        padded = torch.cat([x[..., :1], x, x[..., -1:]], -1)
        padded = torch.cat([padded[..., :1, :], padded, padded[..., -1:, :]], -2)
        return F.conv2d(padded, self[f"{name}.weight"], self[f"{name}.bias"], stride=stride)


def block_state(rng: Generator, name: str, channels: int) -> dict[str, Tensor]:
    """Weights of a residual block."""
    state: dict[str, Tensor] = {}
    for number in (1, 2):
        state[f"{name}.conv{number}.weight"] = normal(rng, channels, channels, 3, 3) * 0.2
        state |= norm_state(rng, f"{name}.bn{number}", channels)
    return state


def recorded(
    forward: Forward, state: Mapping[str, Tensor], inputs: Sequence[Tensor], rng: Generator, *, train: bool
) -> dict[str, Any]:
    """Outputs, gradients of the sum of outputs times `grad_outputs`, and buffers after one run, float32."""
    weights, leaves = Weights(state, train), [x.double().requires_grad_() for x in inputs]
    outputs = forward(weights, leaves)
    grad_outputs = [normal(rng, *out.shape) for out in outputs]
    torch.autograd.backward(outputs, [g.double() for g in grad_outputs])
    return {
        "outputs": [out.detach().float() for out in outputs],
        "grad_outputs": grad_outputs,
        "grad_inputs": [leaf.grad.float() for leaf in leaves if leaf.grad is not None],
        "param_grads": {k: v.grad.float() for k, v in weights.parameters.items() if v.grad is not None},
        "buffers_after": {k: v.float() if v.is_floating_point() else v for k, v in weights.buffers.items()},
    }


def _is_buffer(name: str) -> bool:
    return name.rsplit(".", 1)[-1] in {"running_mean", "running_var", "num_batches_tracked"}
