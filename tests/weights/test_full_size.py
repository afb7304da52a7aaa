"""Checkpoints at full size with the recorded names and shapes, both ways, bit for bit."""

import json
from pathlib import Path

import pytest
import torch
from random_checkpoints import WRAPS, random_state, same_bits

from labeldistill.weights.checkpoint_file import read_checkpoint
from labeldistill.weights.expected import expected
from labeldistill.weights.export_weights import export_weights
from labeldistill.weights.import_weights import import_weights
from labeldistill.weights.key_map import Kind
from labeldistill.weights.layouts import Layout, is_sparse, to_layout

pytestmark = pytest.mark.slow

RECORDED: dict[str, tuple[Kind, str, int]] = {
    "bevdepth_r50_1key": (Kind.bevdepth, "bevdepth-r50-1f", 75_752_270),
    "bevdepth_r50_2key": (Kind.bevdepth, "bevdepth-r50-2f", 76_384_590),
    "centerpoint_vox01": (Kind.centerpoint, "paper-r50-5f", 31_397_660),
    "labelencoder_step1": (Kind.label_encoder, "paper-r50-5f", 40_023_964),
    "labeldistill_r50_2key": (Kind.labeldistill, "paper-r50-3f", 149_285_642),
    "labeldistill_r50_4key": (Kind.labeldistill, "paper-r50-5f", 153_945_242),
}


def _shapes(golden: Path, name: str) -> dict[str, tuple[int, ...]]:
    recorded = json.loads((golden / f"12_keys_{name}.json").read_text())
    return {key: tuple(shape) for key, shape in recorded.items()}


@pytest.mark.parametrize("name", RECORDED)
def test_full_size_there_and_back(name: str, golden: Path, tmp_path: Path, out: Path) -> None:
    kind, study, parameters = RECORDED[name]
    state = random_state(_shapes(golden, name), dtype=torch.float16)
    source, back = tmp_path / "a.pth", tmp_path / "b.pth"
    torch.save(WRAPS[kind](state), source)
    report = import_weights(source, out)
    assert report["kind"] == kind
    assert report["model"] == f"{kind} of study {study}"
    counts = report["counts"]
    assert counts["matched"] == len(state)
    in_unused = sum(v.numel() for n, v in state.items() if _is_lent(kind, n) and _is_parameter(n))
    assert counts["parameters"] + in_unused == parameters
    source.unlink()
    export_weights(out, back)
    out.unlink()
    assert same_bits(read_checkpoint(back).state, state)
    back.unlink()


def _is_lent(kind: Kind, name: str) -> bool:
    return kind in (Kind.centerpoint, Kind.label_encoder) and name.startswith("head.")


def _is_parameter(name: str) -> bool:
    return not name.endswith(("running_mean", "running_var", "num_batches_tracked"))


def test_mmdetection3d_s_plain_state_dict_in_spconv_2(golden: Path, tmp_path: Path, out: Path) -> None:
    shapes = _shapes(golden, "centerpoint_vox01")
    state = random_state({n[12:]: s for n, s in shapes.items() if n.startswith("centerpoint.")}, dtype=torch.float16)
    spconv = {n: to_layout(v, Layout.spconv2) if is_sparse(n, tuple(v.shape)) else v for n, v in state.items()}
    assert tuple(spconv["pts_middle_encoder.conv_out.0.weight"].shape) == (128, 3, 1, 1, 128)
    torch.save(WRAPS[Kind.mmdet3d_centerpoint](spconv), tmp_path / "a.pth")
    report = import_weights(tmp_path / "a.pth", out)
    assert (report["kind"], report["sparse_layout"]) == ("mmdet3d-centerpoint", "spconv2")
    export_weights(out, tmp_path / "b.pth")
    assert same_bits(read_checkpoint(tmp_path / "b.pth").state, spconv)
    export_weights(out, tmp_path / "c.pth", layout=Layout.mmcv)
    assert same_bits(read_checkpoint(tmp_path / "c.pth").state, state)


@pytest.mark.parametrize(("depth", "values"), [(50, 25_557_032), (101, 44_549_160)])
@pytest.mark.parametrize("classifier", [True, False])
def test_imagenet_resnets(depth: int, values: int, classifier: bool, tmp_path: Path, out: Path) -> None:
    shapes = next(e for e in expected(Kind.torchvision_resnet) if e.model == f"ResNet-{depth}").shapes
    names = {n.removeprefix("unused."): s for n, s in shapes.items() if classifier or "fc" not in n}
    state = random_state(names, dtype=torch.float16)
    torch.save(state, tmp_path / "a.pth")
    report = import_weights(tmp_path / "a.pth", out)
    assert report["model"] == f"ResNet-{depth}"
    buffers = sum(v.numel() for n, v in state.items() if not _is_parameter(n))
    lost = 0 if classifier else 1000 * 2048 + 1000
    assert sum(v.numel() for v in state.values()) - buffers + lost == values  # torchvision's published counts
    export_weights(out, tmp_path / "b.pth")
    assert same_bits(read_checkpoint(tmp_path / "b.pth").state, state)
