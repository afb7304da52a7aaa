"""The last two checkpoints are kept; a damaged one is set aside, and the run ends with the same bits."""

import signal
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from event_files import read_events

from labeldistill.errors import InputError
from labeldistill.monitor.run_liveness import checkpoint_step
from labeldistill.training.checkpoint import BEFORE, DAMAGED, FILE, load_checkpoint, save_checkpoint

ToyRun = Callable[..., int]
ARTEFACTS = ("weights-raw.safetensors", "weights-ema.safetensors", "losses.csv")


def saved(folder: Path, *steps: int) -> Path:
    for step in steps:
        save_checkpoint(folder, {"run_key": "key", "step": step, "model": {"w": torch.full((1000,), float(step))}})
    return folder / "checkpoint"


def flip(file: Path, at: float) -> None:
    """Change one bit, as a bad disk does."""
    content = bytearray(file.read_bytes())
    content[int(at * (len(content) - 1))] ^= 1
    file.write_bytes(content)


def step_of(folder: Path) -> int | None:
    state = load_checkpoint(folder, "key")
    return None if state is None else state["step"]


def test_the_last_two_are_kept_and_others_still_read_them(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 5, 10, 15)
    assert {file.name for file in checkpoints.iterdir()} == {FILE, BEFORE}
    assert step_of(tmp_path) == 15
    assert torch.load(checkpoints / BEFORE, weights_only=True)["step"] == 10
    assert zipfile.ZipFile(checkpoints / FILE).testzip() is None


@pytest.mark.parametrize("at", [n / 12 for n in range(13)])
def test_one_flipped_bit_anywhere_is_seen(tmp_path: Path, at: float, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoints = saved(tmp_path, 5, 10)
    flip(checkpoints / FILE, at)
    assert step_of(tmp_path) == 5
    assert (checkpoints / DAMAGED).is_file()
    (event,) = read_events(tmp_path / "events.jsonl")
    assert event["event"] == "fell-back"
    assert event["step"] == 5
    for told in (event["reason"], capsys.readouterr().err):
        assert "state.pt is damaged" in told
        assert "going on from step 5" in told
    assert checkpoint_step(tmp_path) == step_of(tmp_path) == 5
    saved(tmp_path, 15)  # what is whole stays the one before
    assert torch.load(checkpoints / BEFORE, weights_only=True)["step"] == 5 or not (checkpoints / FILE).exists()
    assert step_of(tmp_path) == 15


@pytest.mark.parametrize("damage", [b"", b"PK, cut short", b"\0" * 5000])
def test_a_cut_or_emptied_checkpoint_falls_back(tmp_path: Path, damage: bytes) -> None:
    (saved(tmp_path, 5, 10) / FILE).write_bytes(damage)
    assert step_of(tmp_path) == 5


def test_without_a_whole_one_the_message_names_the_file(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 5, 10)
    flip(checkpoints / FILE, 0.5)
    flip(checkpoints / BEFORE, 0.5)
    with pytest.raises(InputError, match=r"state\.pt: can't be read \(its SHA-256 differs .*delete it to start again"):
        step_of(tmp_path)


def test_a_kill_between_the_two_names_leaves_one(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 5, 10)
    (checkpoints / FILE).unlink()
    assert step_of(tmp_path) == 5
    assert not read_events(tmp_path / "events.jsonl")


@pytest.mark.slow
def test_a_damaged_checkpoint_costs_steps_and_no_bits(toy_run: ToyRun, tmp_path: Path) -> None:
    assert toy_run(tmp_path / "whole") == 0
    folder = tmp_path / "run"
    assert toy_run(folder, kill_at=18) == -signal.SIGKILL
    flip(folder / "checkpoint" / FILE, 0.6)
    assert toy_run(folder) == 0, Path(f"{folder}.stderr").read_text()
    for name in ARTEFACTS:
        assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    events = [event for event in read_events(folder / "events.jsonl") if event["event"] != "progress"]
    assert [event["event"] for event in events] == ["started", "fell-back", "resumed", "finished"]
    assert [event["step"] for event in events[1:3]] == [10, 10]
    assert not (folder / "checkpoint").exists()


def _foreign(folder: Path, **changes: Any) -> None:
    saved(folder, 5)
    save_checkpoint(folder, {"run_key": "key", "step": 10, **changes})


def test_a_foreign_checkpoint_is_no_damage(tmp_path: Path) -> None:
    _foreign(tmp_path, run_key="other")
    with pytest.raises(InputError, match="belongs to run other, not to key"):
        step_of(tmp_path)
