"""Two gloo processes of batch 4 train as one process of batch 8."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from labeldistill.training.ledger import read_ledger
from labeldistill.training.weights_file import WEIGHTS, read_weights, weights_path

ToyRun = Callable[..., int]
TOY = Path(__file__).with_name("toy_training.py")
OPTIONS = {"batch": 8, "dropout": 0.0, "steps": 12}


def losses(folder: Path) -> list[float]:
    with (folder / "losses.csv").open() as stream:
        return [float(row["total"]) for row in csv.DictReader(stream)]


@pytest.fixture(scope="module")
def both(toy_run: ToyRun, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("distributed")
    for name, devices in (("one", 1), ("two", 2)):
        code = toy_run(folder / name, devices=devices, sync_batchnorm=True, **OPTIONS)
        assert code == 0, (folder / f"{name}.stderr").read_text()
        assert "Traceback" not in (folder / f"{name}.stderr").read_text()
    return folder / "one", folder / "two"


def test_the_loss_curve_is_the_same(both: tuple[Path, Path]) -> None:
    one, two = (losses(folder) for folder in both)
    assert len(one) == len(two) == 12
    assert two == pytest.approx(one, rel=1e-5)


def test_the_weights_are_the_same(both: tuple[Path, Path]) -> None:
    for name in WEIGHTS:
        one, two = (read_weights(weights_path(folder, name))[0] for folder in both)
        del one["img_backbone.0.bias"]  # a bias before BatchNorm: its gradient is rounding, which Adam scales up
        for key, value in one.items():
            torch.testing.assert_close(two[key], value, rtol=1e-4, atol=1e-6, msg=key)


def test_one_process_writes_the_files(both: tuple[Path, Path]) -> None:
    events = [event["event"] for event in read_ledger(both[1] / "ledger.jsonl")]
    assert events.count("started") == events.count("finished") == 1
    assert len(list((both[1] / "tensorboard").iterdir())) == 1


def test_unsynchronised_batchnorm_differs(toy_run: ToyRun, tmp_path: Path, both: tuple[Path, Path]) -> None:
    assert toy_run(tmp_path / "run", devices=2, **OPTIONS) == 0
    assert losses(tmp_path / "run")[1:] != pytest.approx(losses(both[0])[1:], rel=1e-5)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_signal_to_one_process_stops_all_with_a_checkpoint(
    toy_run: ToyRun, tmp_path: Path, both: tuple[Path, Path], rank: int
) -> None:
    folder = tmp_path / "run"
    options = {**OPTIONS, "devices": 2, "sync_batchnorm": True}
    assert toy_run(folder, signal_at=[6, 15], signalled_rank=rank, **options) == 143
    assert toy_run(folder, **options) == 0
    for name in ("losses.csv", "weights-raw.safetensors", "weights-ema.safetensors"):
        assert (folder / name).read_bytes() == (both[1] / name).read_bytes()


@pytest.mark.slow
def test_the_command_starts_its_helper_processes_itself(tmp_path: Path, both: tuple[Path, Path]) -> None:
    options = {**OPTIONS, "devices": 2, "sync_batchnorm": True}
    environment = {k: v for k, v in os.environ.items() if k not in ("LOCAL_RANK", "WORLD_SIZE", "NODE_RANK")}
    command = [sys.executable, str(TOY), str(tmp_path / "run"), json.dumps(options)]
    done = subprocess.run(command, env={**environment, "OMP_NUM_THREADS": "1"}, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "losses.csv").read_bytes() == (both[1] / "losses.csv").read_bytes()
