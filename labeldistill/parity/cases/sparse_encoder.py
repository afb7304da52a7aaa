"""The sparse encoder, against mmdetection3d's SparseEncoder on mmcv's sparse convolutions."""

from collections.abc import Iterator
from typing import Any

import torch

from labeldistill.models.sparse_encoder import SparseEncoder
from labeldistill.parity import compare
from labeldistill.parity.case import GoldenFolder, case
from labeldistill.parity.compare import Comparison

FILE = "08b_sparse_encoder.pt"


def _build(recorded: dict[str, Any]) -> SparseEncoder:
    config = recorded["cfg"]
    z, y, x = config["sparse_shape"]
    encoder = SparseEncoder(config["in_channels"], (z, y, x), config["encoder_channels"], config["output_channels"])
    encoder.load_state_dict(recorded["state_dict"])
    return encoder


def _compare_output(mode: str, out: torch.Tensor, expected: dict[str, Any]) -> Iterator[Comparison]:
    yield compare.output(f"{mode} out", out[:, ::4, ::2, ::2], expected["out"])
    yield compare.output(f"{mode} out summed over cells", out.double().sum((2, 3)), expected["out_sum"])
    yield compare.exact(f"{mode} occupancy", (out != 0).any(1), expected["out_occupancy"])


@case(FILE)
def sparse_encoder(folder: GoldenFolder) -> Iterator[Comparison]:
    """Forward in both modes, running statistics, gradients of a weighted sum."""
    recorded = folder.load(FILE)
    for mode in ("train", "eval"):
        encoder, expected = _build(recorded).train(mode == "train"), recorded[mode]
        batch = len(expected["out"])
        with torch.no_grad():
            out = encoder(expected["voxel_features"], expected["coors"], batch)
        yield from _compare_output(mode, out, expected)
        buffers = dict(encoder.named_buffers())
        for name, value in expected.get("buffers_after", {}).items():
            yield compare.output(f"{mode} {name}", buffers[name], value)
    yield from _gradients(_build(recorded).eval(), recorded["eval"], recorded["grad_eval"])


def _gradients(encoder: SparseEncoder, inputs: dict[str, Any], expected: dict[str, Any]) -> Iterator[Comparison]:
    features = inputs["voxel_features"].clone().requires_grad_()
    out = encoder(features, inputs["coors"], len(inputs["out"]))
    generator = torch.Generator().manual_seed(expected["grad_out_seed"])
    total = (out * torch.randn(out.shape, generator=generator)).sum()
    total.backward()
    yield compare.output("weighted sum", total, expected["weighted_sum"])
    yield compare.gradient("gradient of the voxel features", features.grad, expected["grad_voxel_features"])
    for name in ("conv_input", "conv_out"):
        gradient = encoder.get_parameter(f"{name}.0.weight").grad
        yield compare.gradient(f"gradient of {name}", gradient, expected[f"grad_{name}"])
