"""08b: the sparse encoder as dense convolutions: `conv3d` over the whole grid, zeros wherever no voxel is."""

from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from own_nets import Weights, norm_state, normal
from torch import Tensor
from torch.nn import functional as F

SHAPE = (21, 16, 12)  # z, y, x; becomes 11, 5, then 2 along z
SAMPLES, IN_CHANNELS, OUT_CHANNELS = 2, 3, 8
STAGES = [[4, 4, 6], [6, 6, 8], [8, 8]]
PADDINGS = [[0, 0, 1], [0, 0, [0, 1, 1]], [0, 0]]
GRAD_SEED = 88


class _Grid:
    """Dense features [B, C, Z, Y, X] and which cells hold a voxel [B, 1, Z, Y, X]."""

    def __init__(self, weights: Weights, features: Tensor, occupied: Tensor) -> None:
        self.weights, self.features, self.occupied = weights, features, occupied

    def conv(self, name: str, stride: tuple[int, ...] | None = None, padding: tuple[int, ...] = (1, 1, 1)) -> "_Grid":
        """Without a stride submanifold: cells stay as they are; else every cell is filled that a voxel reaches."""
        kernel = self.weights[f"{name}.weight"].permute(4, 3, 0, 1, 2)
        step = stride or (1, 1, 1)
        features = F.conv3d(self.features, kernel, stride=step, padding=padding)
        occupied = self.occupied
        if stride:
            reach = F.conv3d(occupied, torch.ones(1, 1, *kernel.shape[2:]).double(), stride=step, padding=padding)
            occupied = (reach > 0).double()
        return _Grid(self.weights, features * occupied, occupied)

    def norm(self, name: str) -> "_Grid":
        """BatchNorm over the voxels only."""
        rows = self.features.permute(0, 2, 3, 4, 1)
        there = self.occupied[:, 0] > 0
        filled = torch.zeros_like(rows).masked_scatter(
            there[..., None].expand_as(rows), self.weights.normalised(rows[there], name, eps=1e-3, momentum=0.01)
        )
        return _Grid(self.weights, filled.permute(0, 4, 1, 2, 3), self.occupied)

    def plus(self, features: Tensor | float = 0.0) -> "_Grid":
        """With a shortcut added, through a ReLU."""
        return _Grid(self.weights, (self.features + features).clamp(min=0), self.occupied)


def _encoded(weights: Weights, features: Tensor, coordinates: Tensor) -> Tensor:
    b, z, y, x = coordinates.long().T
    dense = torch.zeros(SAMPLES, *SHAPE, IN_CHANNELS).double().index_put((b, z, y, x), features)
    occupied = torch.zeros(SAMPLES, 1, *SHAPE).double()
    occupied[b, 0, z, y, x] = 1
    grid = _Grid(weights, dense.permute(0, 4, 1, 2, 3), occupied).conv("conv_input.0").norm("conv_input.1").plus()
    for stage in range(len(STAGES)):
        name = f"encoder_layers.encoder_layer{stage + 1}"
        for block in (f"{name}.0", f"{name}.1"):
            inner = grid.conv(f"{block}.conv1").norm(f"{block}.bn1").plus()
            grid = inner.conv(f"{block}.conv2").norm(f"{block}.bn2").plus(grid.features)
        if stage < len(STAGES) - 1:
            padding = (1, 1, 1) if stage == 0 else (0, 1, 1)
            grid = grid.conv(f"{name}.2.0", (2, 2, 2), padding).norm(f"{name}.2.1").plus()
    grid = grid.conv("conv_out.0", (2, 1, 1), (0, 0, 0)).norm("conv_out.1").plus()
    return grid.features.flatten(1, 2)


def _state(rng: Generator) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}

    def module(conv: str, norm: str, before: int, after: int, kernel: tuple[int, ...] = (3, 3, 3)) -> None:
        state[f"{conv}.weight"] = normal(rng, *kernel, before, after) * 0.3
        state.update(norm_state(rng, norm, after))

    width = STAGES[0][0]
    module("conv_input.0", "conv_input.1", IN_CHANNELS, width)
    for stage, channels in enumerate(STAGES):
        name = f"encoder_layers.encoder_layer{stage + 1}"
        for block in (0, 1):
            module(f"{name}.{block}.conv1", f"{name}.{block}.bn1", width, width)
            module(f"{name}.{block}.conv2", f"{name}.{block}.bn2", width, width)
        if stage < len(STAGES) - 1:
            module(f"{name}.2.0", f"{name}.2.1", width, channels[-1])
            width = channels[-1]
    module("conv_out.0", "conv_out.1", width, OUT_CHANNELS, (3, 1, 1))
    return state


def _voxels(rng: Generator, count: int) -> tuple[Tensor, Tensor]:
    """Features and distinct cells in random order, `count` a sample, the first and the last cell among them.

    Dense enough that every weight of a submanifold convolution meets a pair of neighbours.
    """
    last, cells = int(np.prod(SHAPE)) - 1, []
    for sample in range(SAMPLES):
        flat = rng.permutation(np.append(1 + rng.choice(last - 1, count - 2, replace=False), [0, last]))
        cells.append(np.stack([np.full(count, sample), *np.unravel_index(flat, SHAPE)], 1))
    coordinates = torch.from_numpy(np.concatenate(cells).astype(np.int32))
    return normal(rng, len(coordinates), IN_CHANNELS), coordinates


def _run(weights: Weights, features: Tensor, coordinates: Tensor) -> tuple[Tensor, dict[str, Any]]:
    """The output with its graph, and the record of it."""
    out = _encoded(weights, features.double(), coordinates)
    record = {
        "voxel_features": features.detach().float(),
        "coors": coordinates,
        "out_nonzero": int((out != 0).sum()),
        "out": out.detach()[:, ::4, ::2, ::2].float(),
        "out_sum": out.detach().sum((2, 3)),
        "out_occupancy": (out != 0).any(1),
    }
    if weights.train:
        record["buffers_after"] = {k: v.float() for k, v in weights.buffers.items() if "tracked" not in k}
    return out, record


def _gradients(weights: Weights, features: Tensor, out: Tensor) -> dict[str, Any]:
    total = (out * torch.randn(out.shape, generator=torch.Generator().manual_seed(GRAD_SEED)).double()).sum()
    names = {"grad_conv_input": weights["conv_input.0.weight"], "grad_conv_out": weights["conv_out.0.weight"]}
    names["grad_voxel_features"] = features
    gradients = torch.autograd.grad(total, list(names.values()))
    return {
        "grad_out_seed": GRAD_SEED,
        "weighted_sum": total.detach().float(),
        **{name: gradient.float() for name, gradient in zip(names, gradients, strict=True)},
    }


def sparse_encoder() -> dict[str, Any]:
    """Forward in both modes on clouds of two sizes, running statistics, gradients of a weighted sum."""
    rng = np.random.default_rng(8)
    state = _state(rng)
    config = {
        "type": "SparseEncoder", "in_channels": IN_CHANNELS, "sparse_shape": list(SHAPE), "base_channels": 4,
        "output_channels": OUT_CHANNELS, "order": ["conv", "norm", "act"], "encoder_channels": STAGES,
        "encoder_paddings": PADDINGS, "block_type": "basicblock",
    }  # fmt: skip
    train = _run(Weights(state, train=True), *_voxels(rng, 300))[1]
    features, coordinates = _voxels(rng, 400)
    weights, leaf = Weights(state, train=False), features.double().requires_grad_()
    out, evaluation = _run(weights, leaf, coordinates)
    gradients = _gradients(weights, leaf, out)
    return {"cfg": config, "state_dict": state, "train": train, "eval": evaluation, "grad_eval": gradients}
