"""01: the label encoder, from its formula (`LabelBackbone` of the release)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from own_nets import Weights, block_state, normal, recorded
from torch import Tensor

SIZE, HIDDEN, BOX, LABEL = 6, 5, 9, 10
CHANNELS, STRIDES = [4, 3], [1, 2]
EPS = 1e-5


def _mlp(weights: Weights, x: Tensor, name: str) -> Tensor:
    hidden = (x @ weights[f"{name}.fc1.weight"].T + weights[f"{name}.fc1.bias"]).clamp(min=0)
    return hidden @ weights[f"{name}.fc2.weight"].T + weights[f"{name}.fc2.bias"]


def _layer_norm(weights: Weights, x: Tensor, name: str) -> Tensor:
    """Over every axis that the weight has."""
    weight = weights[f"{name}.weight"]
    axes = tuple(range(-weight.ndim, 0))
    centred = x - x.mean(axes, keepdim=True)
    return centred / (centred.square().mean(axes, keepdim=True) + EPS).sqrt() * weight + weights[f"{name}.bias"]


def _forward(weights: Weights, maps: Sequence[Tensor]) -> list[Tensor]:
    x = _mlp(weights, maps[0], "mlp_box") + _mlp(weights, maps[1], "mlp_label")
    x = _layer_norm(weights, _mlp(weights, x, "mlp2"), "ln2").permute(0, 3, 1, 2)
    x = weights.residual_block(x, "conv1")
    return [
        _layer_norm(weights, weights.replicate_conv(x, f"conv_blocks.{i}.0", stride), f"conv_blocks.{i}.1").clamp(min=0)
        for i, stride in enumerate(STRIDES)
    ]


def _state(rng: Generator) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}
    for name, width in (("mlp_box", BOX), ("mlp_label", LABEL), ("mlp2", HIDDEN)):
        for layer, inputs in (("fc1", width), ("fc2", HIDDEN)):
            state[f"{name}.{layer}.weight"] = normal(rng, HIDDEN, inputs)
            state[f"{name}.{layer}.bias"] = normal(rng, HIDDEN)
    state |= {"ln2.weight": normal(rng, HIDDEN), "ln2.bias": normal(rng, HIDDEN)} | block_state(rng, "conv1", HIDDEN)
    for i, (channels, stride) in enumerate(zip(CHANNELS, STRIDES, strict=True)):
        state[f"conv_blocks.{i}.0.weight"] = normal(rng, channels, HIDDEN, 3, 3)
        state[f"conv_blocks.{i}.0.bias"] = normal(rng, channels)
        for name in ("weight", "bias"):
            state[f"conv_blocks.{i}.1.{name}"] = normal(rng, channels, SIZE // stride, SIZE // stride)
    return state


def label_encoder() -> dict[str, Any]:
    """Two scales; gradients down to the maps."""
    rng = np.random.default_rng(1)
    state = _state(rng)
    maps = [normal(rng, 2, SIZE, SIZE, BOX), normal(rng, 2, SIZE, SIZE, LABEL)]
    record: dict[str, Any] = {
        "cfg": {
            "box_features": BOX, "label_features": LABEL, "hidden_features": HIDDEN, "out_features": CHANNELS,
            "stride": STRIDES, "feature_size": SIZE,
        },
        "state_dict": state,
        "box": maps[0],
        "label": maps[1],
        "bev_mask": torch.ones(2, 1, SIZE, SIZE, dtype=torch.uint8),
    }  # fmt: skip
    for mode in ("eval", "train"):
        run = recorded(_forward, state, maps, rng, train=mode == "train")
        run["grad_box"], run["grad_label"] = run.pop("grad_inputs")
        record[mode] = run
    return record
