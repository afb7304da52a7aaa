"""Imported weights as a start: runs load them strictly, and their content is part of the run key."""

from pathlib import Path

import pytest
import torch
from random_checkpoints import TINY, WRAPS, random_state, released_shapes, same_bits

from labeldistill.config.load import load_study
from labeldistill.config.runs import run_settings
from labeldistill.config.study import RunSettings
from labeldistill.errors import InputError
from labeldistill.study.run_key import run_key
from labeldistill.training.recipe import build_model
from labeldistill.weights.import_weights import import_weights
from labeldistill.weights.key_map import Kind


def _teacher(pretrained: Path | str | None) -> RunSettings:
    run = run_settings(load_study(TINY), "teacher", None, 0)
    assert run.teacher is not None
    path = None if pretrained is None else str(pretrained)
    return run.model_copy(update={"teacher": run.teacher.model_copy(update={"pretrained": path})})


def _student(backbone: Path | str) -> RunSettings:
    run = run_settings(load_study(TINY), "student", "baseline", 0)
    assert run.student is not None
    return run.model_copy(update={"student": run.student.model_copy(update={"pretrained_backbone": str(backbone)})})


def _key(run: RunSettings) -> str:
    return run_key(run, infos="i", code="c", parents={})


def _imported(kind: Kind, tmp_path: Path, out: Path, seed: int = 0) -> dict[str, torch.Tensor]:
    state = random_state(released_shapes(kind), seed)
    torch.save(WRAPS[kind](state), tmp_path / "a.pth")
    import_weights(tmp_path / "a.pth", out, study=TINY)
    return state


@pytest.mark.parametrize("kind", [Kind.centerpoint, Kind.mmdet3d_centerpoint])
def test_a_teacher_starts_from_imported_weights(kind: Kind, tmp_path: Path, out: Path) -> None:
    state = _imported(kind, tmp_path, out)
    loaded = build_model(_teacher(out)).state_dict()
    teacher = {n.removeprefix("centerpoint."): v for n, v in state.items() if "pts_" in n}
    assert same_bits({n: loaded[n] for n in teacher}, teacher)
    assert set(loaded) == set(teacher)
    assert not same_bits(build_model(_teacher(None)).state_dict(), loaded)


def test_a_backbone_starts_from_imagenet_weights(tmp_path: Path, out: Path) -> None:
    state = _imported(Kind.torchvision_resnet, tmp_path, out)
    loaded = build_model(_student(out)).get_submodule("backbone.img_backbone").state_dict()
    assert same_bits(loaded, {n: state[n] for n in loaded})


def test_detecting_needs_no_pretrained_weights(tmp_path: Path) -> None:
    build_model(_teacher(tmp_path / "nobody.safetensors"), inference=True)


def test_weights_of_something_else_are_refused(tmp_path: Path, out: Path) -> None:
    _imported(Kind.torchvision_resnet, tmp_path, out)
    with pytest.raises(InputError, match=str(out)):
        build_model(_teacher(out))


def test_the_run_key_holds_the_content_not_the_path(tmp_path: Path) -> None:
    one, two = tmp_path / "one.safetensors", tmp_path / "elsewhere" / "two.safetensors"
    two.parent.mkdir()
    one.write_bytes(b"some weights")
    two.write_bytes(b"some weights")
    for run in (_teacher, _student):
        assert _key(run(one)) == _key(run(two)) != _key(run_settings(load_study(TINY), run(one).stage, "baseline", 0))
    before = _key(_teacher(two))
    two.write_bytes(b"other weights of another length")
    assert _key(_teacher(two)) != before


@pytest.mark.parametrize(("make", "key"), [(_teacher, "teacher.pretrained"), (_student, "student.pretrained_backbone")])
def test_a_missing_file_is_said_when_planning(make: object, key: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        _key(make(tmp_path / "nobody.safetensors"))  # type: ignore[operator]
    assert "nobody.safetensors" in str(caught.value)
    assert key in str(caught.value)
