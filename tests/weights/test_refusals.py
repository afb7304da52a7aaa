"""Files that are not matching checkpoints: one line names file and key, and nothing is written."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from random_checkpoints import TINY, WRAPS, random_state, released_shapes
from torch import Tensor

from labeldistill.errors import InputError
from labeldistill.weights.checkpoint_file import read_checkpoint
from labeldistill.weights.convert import UnmatchedError, match
from labeldistill.weights.expected import Expected
from labeldistill.weights.export_weights import export_weights
from labeldistill.weights.import_weights import NAMED, import_weights, report_path
from labeldistill.weights.key_map import Kind
from labeldistill.weights.layouts import Layout

KIND = Kind.mmdet3d_centerpoint
NAME = "pts_neck.deblocks.0.0.weight"
State = dict[str, Tensor]


class Booby:
    """Would make a folder when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.file),)


def _write(file: Path, change: Callable[[State], object]) -> Path:
    state = random_state(released_shapes(KIND))
    torch.save(WRAPS[KIND](change(state) or state), file)  # type: ignore[arg-type]
    return file


def _refused(file: Path, out: Path, **asked: object) -> str:
    with pytest.raises(InputError) as caught:
        import_weights(file, out, **{"study": TINY, **asked})  # type: ignore[arg-type]
    assert not list(out.parent.iterdir()), "something was written"
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(file))
    return message


def _drop(state: State) -> None:
    del state[NAME]


def _rename(state: State) -> None:
    state["pts_neck.extra"] = state.pop(NAME)


def _reshape(state: State) -> None:
    state[NAME] = state[NAME][:1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_drop, f"missing {NAME}"),
        (_rename, "unknown pts_neck.extra"),
        (_rename, f"missing {NAME}"),
        (_reshape, f"shape {NAME} (has [1,"),
    ],
)
def test_every_unmatched_name_is_said(change: Callable[[State], object], said: str, tmp_path: Path, out: Path) -> None:
    assert said in _refused(_write(tmp_path / "a.pth", change), out)


def test_every_unmatched_name_is_listed_even_when_there_are_many(tmp_path: Path, out: Path) -> None:
    file = _write(tmp_path / "a.pth", lambda state: None)
    with pytest.raises(UnmatchedError) as caught:
        import_weights(file, out, kind=Kind.bevdepth, study=TINY)
    assert len(caught.value.problems) > 10 * NAMED
    assert {p.name for p in caught.value.problems if p.what == "unknown"} == set(released_shapes(KIND))
    assert "\n" not in str(caught.value)


def test_another_model_s_checkpoint(tmp_path: Path, out: Path) -> None:
    torch.save({"model": {"transformer.encoder.weight": torch.ones(2)}}, tmp_path / "detr.pth")
    first = _refused(tmp_path / "detr.pth", out)
    torch.save({"state_dict": {"transformer.encoder.weight": torch.ones(2)}}, tmp_path / "detr.pth")
    for message in (first, _refused(tmp_path / "detr.pth", out)):
        assert "transformer.encoder.weight" in message
        assert "no known kind" in message


def test_pickled_code_is_not_run(tmp_path: Path, out: Path) -> None:
    made = tmp_path / "made"
    torch.save({"state_dict": {"pts_a": torch.ones(1)}, "hooks": Booby(made)}, tmp_path / "a.pth")
    message = _refused(tmp_path / "a.pth", out)
    assert "run code" in message
    assert "mkdir" in message
    assert not made.exists()


@pytest.mark.parametrize("kept", [0, 1, 100, 5000, -1, -100])
def test_a_truncated_file(kept: int, tmp_path: Path, out: Path) -> None:
    file = _write(tmp_path / "a.pth", lambda state: None)
    file.write_bytes(file.read_bytes()[:kept])
    assert "truncated" in _refused(file, out)


@pytest.mark.parametrize("content", [b"<!DOCTYPE html><html>quota exceeded</html>", b"\x80\x02}q\x00.", b"PK\x03\x04"])
def test_a_file_that_is_no_checkpoint(content: bytes, tmp_path: Path, out: Path) -> None:
    (tmp_path / "a.pth").write_bytes(content)
    _refused(tmp_path / "a.pth", out)


def test_values_that_are_no_tensors(tmp_path: Path, out: Path) -> None:
    torch.save({"state_dict": {"pts_a": 3}}, tmp_path / "a.pth")
    assert "pts_a: not a tensor but a int" in _refused(tmp_path / "a.pth", out)
    torch.save([torch.ones(1)], tmp_path / "b.pth")
    assert "holds a list" in _refused(tmp_path / "b.pth", out)


def test_missing_files_and_wrong_names(tmp_path: Path, out: Path) -> None:
    _refused(tmp_path / "nobody.pth", out)
    file = _write(tmp_path / "a.pth", lambda state: None)
    with pytest.raises(InputError, match="--out"):
        import_weights(file, out.with_suffix(".bin"))
    with pytest.raises(InputError, match=r"nobody\.yaml"):
        import_weights(file, out, study="nobody")


def test_another_study_s_size(tmp_path: Path, out: Path) -> None:
    file = _write(tmp_path / "a.pth", lambda state: None)
    message = _refused(file, out, study="paper-r50-5f")
    assert "mmdet3d-centerpoint of study paper-r50-5f" in message
    assert "shape" in message


def test_a_report_that_can_t_be_written_takes_the_weights_back(tmp_path: Path, out: Path) -> None:
    file = _write(tmp_path / "a.pth", lambda state: None)
    report_path(out).mkdir()
    with pytest.raises(InputError):
        import_weights(file, out, study=TINY)
    assert not out.exists()


def test_sparse_weights_of_several_layouts(tmp_path: Path) -> None:
    shapes = {"pts_middle_encoder.conv_input.0.weight": (3, 3, 3, 3, 3)}
    expected = Expected("tiny", shapes)
    with pytest.raises(InputError, match="--sparse-layout"):
        match(KIND, shapes, expected)
    assert match(KIND, shapes, expected, Layout.spconv2).layout is Layout.spconv2
    two = Expected("tiny", {"pts_middle_encoder.a": (3, 3, 3, 5, 8), "pts_middle_encoder.b": (3, 3, 3, 8, 8)})
    mixed = {"pts_middle_encoder.a": (3, 3, 3, 5, 8), "pts_middle_encoder.b": (8, 3, 3, 3, 8)}
    problems = match(KIND, mixed, two).problems
    assert [(p.what, p.name) for p in problems] == [("shape", "pts_middle_encoder.b")]


def test_an_export_of_what_is_not_ours(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    file = tmp_path / "a.safetensors"
    save_file({"a": torch.ones(1)}, file)
    with pytest.raises(InputError, match=r"a\.safetensors: labeldistill"):
        export_weights(file, tmp_path / "b.pth")
    file.write_bytes(b"junk")
    with pytest.raises(InputError, match=r"a\.safetensors"):
        export_weights(file, tmp_path / "b.pth")
    save_file({"a": torch.ones(1)}, file, metadata={"labeldistill": '{"stage": "teacher"}'})
    with pytest.raises(InputError, match=r"a\.safetensors: a: .*no place"):
        export_weights(file, tmp_path / "b.pth")
    assert not (tmp_path / "b.pth").exists()


def test_views_of_one_memory_become_tensors_of_their_own(tmp_path: Path, out: Path) -> None:
    def tie(state: State) -> None:
        a, b = (n for n, v in state.items() if n.endswith("bn1.bias") and "encoder_layer1" in n)
        both = torch.stack([state[a], state[b]])
        state[a], state[b] = both[0], both[1]

    file = _write(tmp_path / "a.pth", tie)
    assert import_weights(file, out, study=TINY)["bit_for_bit"]
    assert read_checkpoint(file).state
