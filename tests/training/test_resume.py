"""Killed anywhere and called again, a run ends with the bits of the uninterrupted one."""

import json
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from event_files import read_events

pytestmark = pytest.mark.slow

ToyRun = Callable[..., int]
ARTEFACTS = ("weights-raw.safetensors", "weights-ema.safetensors", "losses.csv")
STEPS = 24


@pytest.fixture(scope="module")
def whole(toy_run: ToyRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert toy_run(folder) == 0
    return folder


def events(folder: Path) -> list[str]:
    return [event["event"] for event in read_events(folder / "events.jsonl") if event["event"] != "progress"]


def assert_same(folder: Path, whole: Path) -> None:
    for name in ARTEFACTS:
        assert (folder / name).read_bytes() == (whole / name).read_bytes(), name
    assert json.loads((folder / "record.json").read_text()) == {"status": "finished", "reason": None}
    assert not (folder / "checkpoint").exists()
    assert not (folder / ".lock").exists()
    assert not list(folder.rglob("*.part"))


def finish(toy_run: ToyRun, folder: Path, **options: Any) -> None:
    assert toy_run(folder, **options) == 0, Path(f"{folder}.stderr").read_text()


POINTS = [*random.Random(20).sample(range(1, STEPS), 5), 0]


@pytest.mark.parametrize("step", POINTS)
def test_killed_at_a_random_step(toy_run: ToyRun, tmp_path: Path, whole: Path, step: int) -> None:
    folder = tmp_path / "run"
    at = {"kill_at": step} if step else {"kill_in_checkpoint": 10}  # 0: in the middle of writing a checkpoint
    assert toy_run(folder, **at) == -signal.SIGKILL
    assert not (folder / "record.json").exists()
    finish(toy_run, folder)
    assert_same(folder, whole)


def test_killed_three_times(toy_run: ToyRun, tmp_path: Path, whole: Path) -> None:
    folder = tmp_path / "run"
    for at in ({"kill_at": 7}, {"kill_in_checkpoint": 15}, {"kill_at": 23}):
        assert toy_run(folder, **at) == -signal.SIGKILL
    finish(toy_run, folder)
    assert_same(folder, whole)
    assert events(folder) == ["started", "resumed", "resumed", "resumed", "finished"]


def test_resumes_with_worker_processes(toy_run: ToyRun, tmp_path: Path, whole: Path) -> None:
    folder = tmp_path / "run"
    assert toy_run(folder, kill_at=13, loader_workers=2) == -signal.SIGKILL
    finish(toy_run, folder, loader_workers=2)
    assert_same(folder, whole)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGUSR1, 138), (signal.SIGINT, 130)], ids=lambda v: str(v)
)
def test_asked_to_stop_keeps_a_checkpoint(toy_run: ToyRun, tmp_path: Path, whole: Path, number: int, code: int) -> None:
    folder = tmp_path / "run"
    assert toy_run(folder, signal_at=[8, {"0": number}]) == code
    assert events(folder) == ["started", "stopped"]
    assert "resumes it" in Path(f"{folder}.stderr").read_text()
    finish(toy_run, folder)
    assert_same(folder, whole)
    assert [e["step"] for e in read_events(folder / "events.jsonl") if e["event"] == "resumed"] == [8]


def test_a_signal_sent_on_reading_the_first_event_keeps_a_checkpoint(
    toy_run: ToyRun, tmp_path: Path, whole: Path
) -> None:
    folder = tmp_path / "run"
    for _ in range(2):  # a run that starts, and one that goes on
        assert toy_run(folder, signal_on_start=signal.SIGTERM) == 143
    assert events(folder) == ["started", "stopped", "resumed", "stopped"]
    finish(toy_run, folder)
    assert_same(folder, whole)


def test_a_full_disk_is_a_clear_error_and_keeps_the_last_checkpoint(
    toy_run: ToyRun, tmp_path: Path, whole: Path
) -> None:
    folder = tmp_path / "run"
    assert toy_run(folder, signal_at=[5, {"0": signal.SIGTERM}]) == 143
    before = (folder / "checkpoint" / "state.pt").read_bytes()
    assert toy_run(folder, file_limit_bytes=5000) == 2
    message = Path(f"{folder}.stderr").read_text()
    assert "state.pt: can't be written: File too large" in message
    assert "Traceback" not in message
    assert (folder / "checkpoint" / "state.pt").read_bytes() == before
    assert not list(folder.rglob("*.part"))
    assert not list(folder.glob("weights-*"))
    finish(toy_run, folder)
    assert_same(folder, whole)


def test_a_checkpoint_of_another_run_is_refused(toy_run: ToyRun, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert toy_run(folder, kill_at=6) == -signal.SIGKILL
    assert toy_run(folder, run_key="otherkey") == 2
    assert "belongs to run toykey, not to otherkey" in Path(f"{folder}.stderr").read_text()


def test_the_comparison_can_fail(toy_run: ToyRun, tmp_path: Path, whole: Path) -> None:
    folder = tmp_path / "run"
    assert toy_run(folder, unseeded=True) == 0
    assert (folder / "losses.csv").read_bytes() != (whole / "losses.csv").read_bytes()
