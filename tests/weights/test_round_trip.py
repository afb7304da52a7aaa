"""Checkpoints of a tiny study: into our files and back, bit for bit, and into our modules."""

from pathlib import Path

import pytest
import torch
from random_checkpoints import TINY, WRAPS, random_state, released_shapes, same_bits

from labeldistill.config.load import load_study
from labeldistill.config.runs import run_settings
from labeldistill.files import read_json
from labeldistill.models.resnet import ResNet
from labeldistill.training.recipe import untrained_model
from labeldistill.training.weights_file import write_weights
from labeldistill.weights.checkpoint_file import read_checkpoint
from labeldistill.weights.export_weights import export_weights
from labeldistill.weights.import_weights import import_weights, report_path
from labeldistill.weights.imported_file import read_safetensors
from labeldistill.weights.key_map import KEY_MAP, UNUSED, Kind, kind_of, to_ours, to_theirs
from labeldistill.weights.layouts import Layout, is_sparse, to_layout


@pytest.mark.parametrize("kind", Kind)
def test_there_and_back(kind: Kind, tmp_path: Path, out: Path) -> None:
    state = random_state(released_shapes(kind))
    torch.save(WRAPS[kind](state), tmp_path / "a.pth")
    report = import_weights(tmp_path / "a.pth", out, study=TINY)
    assert report["kind"] == kind
    assert report["bit_for_bit"]
    assert report["counts"]["matched"] == len(state) == report["counts"]["expected"]
    assert read_json(report_path(out)) == report
    done = export_weights(out, tmp_path / "b.pth")
    assert done["left_out"] == []
    before, after = read_checkpoint(tmp_path / "a.pth"), read_checkpoint(tmp_path / "b.pth")
    assert after.container == before.container
    assert same_bits(after.state, before.state)


def test_an_imported_student_is_the_module(tmp_path: Path, out: Path) -> None:
    run = run_settings(load_study(TINY), "student", "full", 0)
    model, fresh = untrained_model(run), untrained_model(run)
    torch.save(WRAPS[Kind.labeldistill](model.state_dict()), tmp_path / "a.pth")
    report = import_weights(tmp_path / "a.pth", out, study=TINY)
    fresh.load_state_dict(read_safetensors(out)[0], strict=True)
    assert same_bits(fresh.state_dict(), model.state_dict())
    assert report["counts"]["parameters"] == sum(p.numel() for p in model.parameters())


def test_equal_checkpoints_become_equal_files(tmp_path: Path, out: Path) -> None:
    torch.save(random_state(released_shapes(Kind.torchvision_resnet)), tmp_path / "a.pth")
    import_weights(tmp_path / "a.pth", out, study=TINY)
    first = out.read_bytes()
    import_weights(tmp_path / "a.pth", out, study=TINY)
    assert out.read_bytes() == first


@pytest.mark.parametrize("kind", [Kind.centerpoint, Kind.label_encoder, Kind.torchvision_resnet])
def test_what_nobody_uses_may_be_absent_as_a_whole_only(kind: Kind, tmp_path: Path, out: Path) -> None:
    used = random_state(released_shapes(kind, unused=False))
    torch.save(WRAPS[kind](used), tmp_path / "a.pth")
    report = import_weights(tmp_path / "a.pth", out, study=TINY)
    assert report["counts"]["unused_tensors"] == 0
    whole = released_shapes(kind)
    half = {n: s for n, s in whole.items() if n in used or n == next(n for n in whole if n not in used)}
    torch.save(WRAPS[kind](random_state(half)), tmp_path / "half.pth")
    with pytest.raises(Exception, match="missing"):
        import_weights(tmp_path / "half.pth", out, study=TINY)


def test_old_torchvision_files_lack_counters(tmp_path: Path, out: Path) -> None:
    net = ResNet(18)
    state = {n: v for n, v in net.state_dict().items() if not n.endswith("num_batches_tracked")}
    torch.save(state, tmp_path / "a.pth", _use_new_zipfile_serialization=False)  # as old as that
    report = import_weights(tmp_path / "a.pth", out)
    assert report["model"] == "ResNet-18"
    assert report["counts"]["filled"] == 20
    fresh = ResNet(18)
    fresh.load_state_dict(read_safetensors(out)[0], strict=True)
    assert torch.equal(fresh.layer3[1].conv2.weight, net.layer3[1].conv2.weight)  # type: ignore[index, union-attr]
    export_weights(out, tmp_path / "b.pth")
    assert same_bits(read_checkpoint(tmp_path / "b.pth").state, state)


@pytest.mark.parametrize("kind", [Kind.centerpoint, Kind.mmdet3d_centerpoint, Kind.label_encoder, Kind.labeldistill])
def test_both_sparse_layouts_become_ours(kind: Kind, tmp_path: Path, out: Path) -> None:
    mmcv = random_state(released_shapes(kind))
    sparse = [n for n, v in mmcv.items() if is_sparse(n, tuple(v.shape))]
    assert len(sparse) > 5
    spconv = {n: to_layout(v, Layout.spconv2) if n in sparse else v for n, v in mmcv.items()}
    torch.save(WRAPS[kind](mmcv), tmp_path / "mmcv.pth")
    torch.save(WRAPS[kind](spconv), tmp_path / "spconv.pth")
    one = import_weights(tmp_path / "mmcv.pth", out, study=TINY)
    two = import_weights(tmp_path / "spconv.pth", out.with_stem("two"), study=TINY)
    assert (one["sparse_layout"], two["sparse_layout"]) == ("mmcv", "spconv2")
    assert one["hash"]["imported"] == two["hash"]["imported"]
    export_weights(out.with_stem("two"), tmp_path / "back.pth")
    assert same_bits(read_checkpoint(tmp_path / "back.pth").state, spconv)
    export_weights(out, tmp_path / "other.pth", layout=Layout.spconv2)
    assert same_bits(read_checkpoint(tmp_path / "other.pth").state, spconv)


def test_a_teacher_trained_here_becomes_mmdetection3d_s(tmp_path: Path) -> None:
    state = random_state(released_shapes(Kind.mmdet3d_centerpoint))
    write_weights(tmp_path / "w.safetensors", state, {"run_key": "k", "stage": "teacher", "settings": {}})
    done = export_weights(tmp_path / "w.safetensors", tmp_path / "a.pth")
    assert done["kind"] == "mmdet3d-centerpoint"
    written = torch.load(tmp_path / "a.pth", weights_only=True)["state_dict"]
    assert same_bits(written, dict(sorted(state.items())) | written)
    as_experiment = export_weights(tmp_path / "w.safetensors", tmp_path / "b.pth", kind=Kind.centerpoint)
    assert as_experiment["tensors"] == len(state)
    names = torch.load(tmp_path / "b.pth", weights_only=True)["state_dict"]
    assert all(name.startswith("model.centerpoint.pts_") for name in names)


def test_an_imported_experiment_can_leave_as_the_teacher_alone(tmp_path: Path, out: Path) -> None:
    state = random_state(released_shapes(Kind.centerpoint))
    torch.save(WRAPS[Kind.centerpoint](state), tmp_path / "a.pth")
    import_weights(tmp_path / "a.pth", out, study=TINY)
    done = export_weights(out, tmp_path / "b.pth", kind=Kind.mmdet3d_centerpoint)
    teacher = {n.removeprefix("centerpoint."): v for n, v in state.items() if n.startswith("centerpoint.")}
    back = read_checkpoint(tmp_path / "b.pth").state
    assert same_bits({n: back[n] for n in teacher}, teacher)
    assert done["left_out"]
    assert all(name.startswith(UNUSED) for name in done["left_out"])


@pytest.mark.parametrize("kind", Kind)
def test_the_map_is_one_to_one(kind: Kind) -> None:
    names = released_shapes(kind)
    assert kind_of(names) == kind
    mapped = [to_ours(kind, name) for name in names]
    assert len(set(mapped)) == len(names)
    assert [to_theirs(kind, name or "") for name in mapped] == list(names)
    assert to_ours(kind, "somewhere.else") is None
    assert all(row.used != row.ours.startswith(UNUSED) for row in KEY_MAP[kind])
