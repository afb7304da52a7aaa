"""The verbs `weights` and `model` as a user types them."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from random_checkpoints import TINY, WRAPS, random_state, released_shapes
from typer.testing import CliRunner

from labeldistill.cli.main import build
from labeldistill.cli.weights import KindChoice, LayoutChoice
from labeldistill.weights.key_map import Kind
from labeldistill.weights.layouts import Layout
from labeldistill.weights.model_summary import summarise

KIND = Kind.mmdet3d_centerpoint


def _type(*words: str | Path) -> Any:
    arguments = [str(word) for word in words]
    return CliRunner().invoke(build(arguments[0]), arguments)


def test_import_and_export(tmp_path: Path, out: Path) -> None:
    torch.save(WRAPS[KIND](random_state(released_shapes(KIND))), tmp_path / "a.pth")
    done = _type("weights", "import", tmp_path / "a.pth", "--kind", "auto", "--study", TINY, "--out", out)
    assert done.exit_code == 0, done.output
    assert "0 unmatched" in done.stdout
    assert "bit for bit back: True" in done.stdout
    done = _type("weights", "export", out, "--out", tmp_path / "b.pth", "--sparse-layout", "spconv2")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["sparse_layout"] == "spconv2"


def test_a_mismatch_lists_every_name_and_ends_with_2(tmp_path: Path, out: Path) -> None:
    state = random_state(released_shapes(KIND))
    gone = [state.popitem()[0] for _ in range(20)]
    torch.save(WRAPS[KIND](state), tmp_path / "a.pth")
    done = _type("weights", "import", tmp_path / "a.pth", "--study", TINY, "--out", out)
    assert done.exit_code == 2
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [["missing", name] for name in reversed(gone)]
    assert len(done.stderr.strip().splitlines()) == 1
    assert str(tmp_path / "a.pth") in done.stderr
    assert not list(out.parent.iterdir())


@pytest.mark.parametrize(
    ("words", "total"),
    [
        (("paper-r50-5f", "--variant", "full"), "153,945,242"),
        (("paper-r50-3f",), "149,285,642"),
        (("bevdepth-r50-2f",), "76,384,590"),
        (("bevdepth-r50-1f",), "75,752,270"),
    ],
)
def test_the_summary_s_totals_are_the_released_ones(
    words: tuple[str, ...], total: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # no data, no studies: nothing but the package
    done = _type("model", "summary", *words)
    assert done.exit_code == 0, done.output
    assert f"total {total}" in " ".join(done.stdout.split())


def test_the_summary_counts_every_parameter_once() -> None:
    full = summarise(TINY, "full")
    assert full.parameters == sum(part.parameters for part in full.parts)
    assert full.deployed == summarise(TINY, "baseline").parameters == summarise(TINY, "baseline").trained
    teacher, encoder = summarise(TINY, "teacher"), summarise(TINY, "label-encoder")
    assert encoder.parameters == encoder.trained + teacher.parameters
    assert full.parameters == full.trained + encoder.parameters
    frozen = [part.name for part in full.parts if part.trained == 0 and part.parameters]
    assert frozen
    assert all(name.startswith(("centerpoint", "label_encoder")) for name in frozen)


def test_summaries_for_programs_and_mistakes() -> None:
    tree = json.loads(_type("model", "summary", TINY, "--format", "json").stdout)
    assert tree["parameters"] == sum(part["parameters"] for part in tree["parts"])
    assert len(_type("model", "summary", TINY, "-f", "csv").stdout.splitlines()) == len(tree["parts"]) + 1
    done = _type("model", "summary", TINY, "--variant", "nobody")
    assert done.exit_code == 2
    assert "nobody" in done.stderr


def test_choices_are_the_kinds_and_layouts() -> None:
    assert [choice.value for choice in KindChoice] == ["auto", *Kind]
    assert [choice.value for choice in LayoutChoice] == ["auto", *Layout]
