"""Converted weights compute what the originals computed."""

from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from labeldistill.models.sparse_encoder import SparseEncoder
from labeldistill.models.sparse_layers import SparseConv3d, SparseVoxels
from labeldistill.ops.rulebook import sort_sites
from labeldistill.parity import compare
from labeldistill.parity.cases.second import _DenseHalf
from labeldistill.weights.checkpoint_file import read_checkpoint
from labeldistill.weights.convert import match, ours
from labeldistill.weights.expected import Expected
from labeldistill.weights.key_map import LIGHTNING, Kind
from labeldistill.weights.layouts import Layout, from_layout, is_sparse, to_layout

KIND = Kind.mmdet3d_centerpoint


def _through_a_file(module: nn.Module, state: dict[str, Any], file: Path) -> None:
    """Load a state into a module by way of a checkpoint and the converter."""
    torch.save({"state_dict": state}, file)
    found = read_checkpoint(file)
    shapes = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    matched = match(KIND, {n: tuple(v.shape) for n, v in found.state.items()}, Expected("golden", shapes))
    assert not matched.problems
    module.load_state_dict(ours(found.state, matched), strict=True)


def test_the_sparse_encoder_gives_the_recorded_output_from_spconv_2_weights(golden: Path, tmp_path: Path) -> None:
    recorded = torch.load(golden / "08b_sparse_encoder.pt", weights_only=True)
    config, case = recorded["cfg"], recorded["eval"]
    z, y, x = config["sparse_shape"]
    encoder = SparseEncoder(config["in_channels"], (z, y, x), config["encoder_channels"], config["output_channels"])
    holder = nn.ModuleDict({"pts_middle_encoder": encoder})
    state = {f"pts_middle_encoder.{n}": v.float() for n, v in recorded["state_dict"].items()}
    spconv = {n: to_layout(v, Layout.spconv2) if is_sparse(n, tuple(v.shape)) else v for n, v in state.items()}
    assert spconv["pts_middle_encoder.conv_input.0.weight"].shape[0] == config["encoder_channels"][0][0]
    _through_a_file(holder, spconv, tmp_path / "a.pth")
    with torch.no_grad():
        out = holder.eval()["pts_middle_encoder"](case["voxel_features"], case["coors"], len(case["out_occupancy"]))
    row = compare.output("out", out[:, ::4, ::2, ::2], case["out"])
    assert row.passed, row


def test_the_dense_half_gives_the_recorded_output(golden: Path, tmp_path: Path) -> None:
    recorded = torch.load(golden / "08c_second_fpn_head.pt", weights_only=True)
    model = _DenseHalf(recorded["cfg"])
    _through_a_file(model, dict(recorded["state_dict"]), tmp_path / "a.pth")
    with torch.no_grad():
        scales, neck, predictions = model.eval()(recorded["x_fp32"])
    expected = recorded["eval"]
    rows = [compare.output("scale", a, b) for a, b in zip(scales, expected["second"], strict=True)]
    rows.append(compare.output("neck", neck, expected["neck"][0]))
    for maps, theirs in zip(predictions, expected["preds"], strict=True):
        rows += [compare.output(name, maps[name], value) for name, value in theirs.items()]
    assert all(row.passed for row in rows), rows


def test_the_released_ema_file_is_read(golden: Path, tmp_path: Path) -> None:
    checkpoint = torch.load(golden / "10_ema.pt", weights_only=True)["callback_full"]["checkpoint"]
    torch.save(checkpoint, tmp_path / "11.pth")
    found = read_checkpoint(tmp_path / "11.pth")
    assert found.container == LIGHTNING
    assert found.others == ("epoch", "global_step")
    assert {f"model.{n}": v.tolist() for n, v in found.state.items()} == {
        n: v.tolist() for n, v in checkpoint["state_dict"].items()
    }


def test_spconv_2_weights_compute_a_dense_convolution() -> None:
    """Independent of our layout: spconv 2 keeps a dense kernel with its input channels moved last."""
    generator = torch.Generator().manual_seed(3)
    spconv = torch.randn(6, 3, 3, 3, 4, generator=generator)
    layer = SparseConv3d(4, 6, (3, 3, 3), (2, 2, 2), (1, 1, 1))
    layer.load_state_dict({"weight": from_layout(spconv, Layout.spconv2)})
    dense = torch.zeros(1, 4, 5, 6, 7)
    cells = torch.tensor([[0, 0, 0, 0], [0, 1, 2, 3], [0, 4, 5, 6], [0, 2, 2, 2], [0, 0, 5, 1]])
    features = torch.randn(len(cells), 4, generator=generator)
    dense[0, :, cells[:, 1], cells[:, 2], cells[:, 3]] = features.T
    sites, order = sort_sites(cells, (5, 6, 7), 1)
    out = layer(SparseVoxels(features[order], sites)).dense()
    wanted = F.conv3d(dense, spconv.permute(0, 4, 1, 2, 3), stride=2, padding=1)
    assert torch.allclose(out, wanted, atol=1e-5)
