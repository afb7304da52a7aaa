"""02: the distillation adaptor, from its formula: replicate-padded convolution, BatchNorm, ReLU, residual block."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from own_nets import Weights, block_state, norm_state, normal, recorded
from torch import Tensor

IN_CHANNELS, OUT_CHANNELS = [3, 2], [4, 5]


def _forward(weights: Weights, scales: Sequence[Tensor]) -> list[Tensor]:
    out = []
    for i, x in enumerate(scales):
        x = weights.image_norm(weights.replicate_conv(x, f"blocks.{i}.0"), f"blocks.{i}.1").clamp(min=0)
        out.append(weights.residual_block(x, f"blocks.{i}.3"))
    return out


def adaptor() -> dict[str, Any]:
    """Two scales of different widths, on maps that are not square."""
    rng = np.random.default_rng(2)
    state: dict[str, Tensor] = {}
    for i, (before, after) in enumerate(zip(IN_CHANNELS, OUT_CHANNELS, strict=True)):
        state[f"blocks.{i}.0.weight"] = normal(rng, after, before, 3, 3) * 0.3
        state[f"blocks.{i}.0.bias"] = normal(rng, after)
        state |= norm_state(rng, f"blocks.{i}.1", after) | block_state(rng, f"blocks.{i}.3", after)
    inputs = [normal(rng, 2, IN_CHANNELS[0], 6, 5), normal(rng, 2, IN_CHANNELS[1], 3, 4)]
    return {
        "cfg": {"in_features": IN_CHANNELS, "out_features": OUT_CHANNELS, "stride": [1, 1]},
        "state_dict": state,
        "inputs": inputs,
        "eval": recorded(_forward, state, inputs, rng, train=False),
        "train": recorded(_forward, state, inputs, rng, train=True),
    }
