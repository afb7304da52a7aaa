"""Wrappers around a model's names are removed; neither raw nor EMA weights are ever chosen silently."""

import collections
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from random_checkpoints import TINY, random_state, released_shapes, same_bits
from torch import Tensor, nn

from labeldistill.errors import InputError
from labeldistill.weights.checkpoint_file import read_checkpoint
from labeldistill.weights.export_weights import export_weights
from labeldistill.weights.import_weights import import_weights
from labeldistill.weights.key_map import Kind

RAW = {"backbone.conv.weight": torch.ones(2), "backbone.bn.running_mean": torch.zeros(2), "head.bias": torch.ones(1)}
EMA = {name: value + 1 for name, value in RAW.items()}
LIGHTNING = {"epoch": 29, "pytorch-lightning_version": "1.6.0", "lr_schedulers": [collections.Counter({19: 1})]}


def _prefixed(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in state.items()}


def _file(folder: Path, content: object) -> Path:
    torch.save(content, folder / "a.ckpt")
    return folder / "a.ckpt"


@pytest.mark.parametrize(
    "prefix", ["", "model.", "module.", "model.module.", "module.model.", "model._orig_mod.", "_orig_mod.module.model."]
)
@pytest.mark.parametrize("entry", ["state_dict", "model", None])
def test_wrappers_around_all_names(prefix: str, entry: str | None, tmp_path: Path) -> None:
    state = _prefixed(prefix, RAW)
    found = read_checkpoint(_file(tmp_path, {entry: state} if entry else state))
    assert same_bits(found.state, RAW)
    assert (found.container.entry, found.container.prefix) == (entry, prefix)


def test_a_compiled_part_and_a_wrapped_part(tmp_path: Path) -> None:
    state = {"model.backbone._orig_mod.conv.weight": torch.ones(1), "model.head.module.bias": torch.zeros(1)}
    found = read_checkpoint(_file(tmp_path, {"state_dict": state}))
    assert list(found.state) == ["backbone.conv.weight", "head.bias"]
    assert found.wrapped == {"backbone.conv.weight": "backbone._orig_mod.conv.weight", "head.bias": "head.module.bias"}


def test_names_of_two_modules_are_never_thrown_together(tmp_path: Path) -> None:
    state = {"a.module.w": torch.ones(1), "a.w": torch.zeros(1)}
    assert list(read_checkpoint(_file(tmp_path, {"state_dict": state})).state) == list(state)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
        self.head = nn.Linear(2, 1)


def test_what_torch_itself_writes(tmp_path: Path) -> None:
    net = Net()
    average = torch.optim.swa_utils.AveragedModel(net)
    wanted = net.state_dict()
    for wrapped in (nn.DataParallel(net), torch.compile(net), average):
        found = read_checkpoint(_file(tmp_path, {"state_dict": wrapped.state_dict()}))  # type: ignore[attr-defined]
        assert same_bits(found.state, wanted)


def _both() -> dict[str, dict[str, Any]]:
    raw, ema = _prefixed("model.", RAW), _prefixed("model.", EMA)
    buffers = {f"ema_{name.replace('.', '_')}": value for name, value in ema.items()}
    inside = {f"model.ema_{name.replace('.', '_')}": value for name, value in EMA.items()}
    return {
        "beside": {**LIGHTNING, "state_dict": raw, "ema_state_dict": ema},
        "module": {"model": raw, "ema": {"module": ema, "updates": 10}},
        "callback": {**LIGHTNING, "state_dict": raw, "callbacks": {"EMACallback": {"ema_state_dict": ema, "n": 1}}},
        "torch": {"state_dict": raw, "ema_state_dict": {**_prefixed("module.", ema), "n_averaged": torch.tensor(3)}},
        "mmcv": {"meta": {"epoch": 20}, "state_dict": {**raw, **buffers}},
        "mmcv in a module": {"state_dict": {**raw, **inside}},
        "lightning": {
            **LIGHTNING,
            "state_dict": ema,
            "current_model_state": raw,
            "averaging_state": {"n_averaged": torch.tensor(9)},
        },
    }


@pytest.mark.parametrize("name", list(_both()))
def test_raw_and_ema_in_one_file(name: str, tmp_path: Path) -> None:
    file = _file(tmp_path, _both()[name])
    with pytest.raises(InputError, match=r"a\.ckpt: --weights: holds .*raw.*ema.*; say which"):
        read_checkpoint(file)
    assert same_bits(read_checkpoint(file, "raw").state, RAW)
    assert same_bits(read_checkpoint(file, "ema").state, EMA)
    assert "swaps" in read_checkpoint(file, "ema").note or "mmcv" not in name


def test_ema_asked_for_where_there_is_none(tmp_path: Path) -> None:
    trained = _file(tmp_path, {**LIGHTNING, "state_dict": RAW, "callbacks": {"ModelCheckpoint{'monitor': 'ema'}": {
        "best_model_score": torch.tensor(0.4), "best_model_path": "x"}}})  # fmt: skip
    assert read_checkpoint(trained).weights == "raw"
    with pytest.raises(InputError, match=r"a\.ckpt: --weights: holds no ema weights, but raw weights \(state_dict\)"):
        read_checkpoint(trained, "ema")
    alone = _file(tmp_path, {"epoch": 29, "ema_state_dict": EMA, "updates": 100})
    assert read_checkpoint(alone).weights == "ema"
    with pytest.raises(InputError, match="holds no raw weights, but ema weights"):
        read_checkpoint(alone, "raw")


def test_a_plain_file_does_not_say_which_weights_it_holds(tmp_path: Path) -> None:
    file = _file(tmp_path, {"epoch": 11, "state_dict": RAW})
    for which in (None, "raw", "ema"):
        assert read_checkpoint(file, which).weights is None  # type: ignore[arg-type]


def test_two_averages_are_not_guessed_between(tmp_path: Path) -> None:
    content = {**_both()["beside"], "callbacks": {"EMA": {"state_dict": EMA}}}
    with pytest.raises(InputError, match=r"several averages \(ema_state_dict and callbacks\.EMA\.state_dict\)"):
        read_checkpoint(_file(tmp_path, content), "ema")


def test_what_is_no_checkpoint_is_called_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "a.ckpt"
    lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:0a1b\nsize 312345678\n"
    pages = (b"\n<!DOCTYPE html><html>quota exceeded", b"<html><head>", b'\xef\xbb\xbf<?xml version="1.0"?><html>')
    for content, said in ((lfs, "Git LFS pointer to a file of 312,345,678 bytes"), *((p, "web page") for p in pages)):
        file.write_bytes(content)
        with pytest.raises(InputError, match=said):
            read_checkpoint(file)


def test_a_numpy_scalar_gets_a_recipe_that_works(tmp_path: Path) -> None:
    file = _file(tmp_path, {"state_dict": RAW, "hyper_parameters": {"lr": np.float64(2e-4)}})
    with pytest.raises(InputError, match=r"numpy.*: the file wants to run code") as caught:
        read_checkpoint(file)
    recipe = str(caught.value).partition('python -c "')[2].removesuffix('"')
    recipe = recipe.replace("'a.ckpt'", repr(str(file))).replace("'state.pth'", repr(str(tmp_path / "state.pth")))
    exec(recipe, {})
    assert same_bits(read_checkpoint(tmp_path / "state.pth").state, RAW)


def test_a_wrapped_file_goes_back_bit_for_bit(tmp_path: Path) -> None:
    kind = Kind.bevdepth
    shapes = released_shapes(kind)
    names = {n: f"model.module.{n.replace('img_backbone.', 'img_backbone._orig_mod.')}" for n in shapes}
    raw, ema = (random_state({names[n]: s for n, s in shapes.items()}, seed) for seed in (0, 1))
    file, out = _file(tmp_path, {"state_dict": raw, "ema_state_dict": ema}), tmp_path / "o.safetensors"
    with pytest.raises(InputError, match="--weights"):
        import_weights(file, out, study=TINY)
    assert not out.exists()
    assert import_weights(file, out, study=TINY, which="ema")["weights"] == "ema"
    export_weights(out, tmp_path / "b.pth")
    assert same_bits(torch.load(tmp_path / "b.pth", weights_only=True)["ema_state_dict"], ema)


def test_a_file_that_is_not_what_its_name_says(tmp_path: Path) -> None:
    import hashlib

    shapes = released_shapes(Kind.bevdepth)
    torch.save(random_state(shapes), tmp_path / "a.pth")
    content = (tmp_path / "a.pth").read_bytes()
    good = tmp_path / f"bevdepth-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    good.write_bytes(content)
    import_weights(good, tmp_path / "o.safetensors", study=TINY)
    bad = tmp_path / "resnet50-0676ba61.pth"
    bad.write_bytes(content)
    with pytest.raises(InputError, match=r"resnet50-0676ba61\.pth: sha256: .*its name says 0676ba61"):
        import_weights(bad, tmp_path / "p.safetensors", study=TINY)
    assert not (tmp_path / "p.safetensors").exists()
