"""Two gloo processes of batch 4 train as one process of batch 8."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.multiprocessing as mp
from event_files import read_events
from stage_runs import Runs

from labeldistill.config.study import RunSettings
from labeldistill.training.sync_batchnorm import synchronised
from labeldistill.training.weights_file import WEIGHTS, read_weights, weights_path

pytestmark = pytest.mark.slow

ToyRun = Callable[..., int]
TOY = Path(__file__).parents[1] / "support" / "toy_training.py"
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
        # a bias before BatchNorm and the mean that takes it away again: its gradient is rounding, which Adam scales up
        for key in one.keys() - {"img_backbone.0.bias", "img_backbone.1.running_mean"}:
            torch.testing.assert_close(two[key], one[key], rtol=1e-5, atol=1e-7, msg=key)


def test_one_process_writes_the_files(both: tuple[Path, Path]) -> None:
    events = [event["event"] for event in read_events(both[1] / "events.jsonl")]
    assert events.count("started") == events.count("finished") == 1
    assert len(list((both[1] / "tensorboard").iterdir())) == 1


def test_unsynchronised_batchnorm_differs(toy_run: ToyRun, tmp_path: Path, both: tuple[Path, Path]) -> None:
    assert toy_run(tmp_path / "run", devices=2, **OPTIONS) == 0
    assert losses(tmp_path / "run")[1:] != pytest.approx(losses(both[0])[1:], rel=1e-5)


def test_fewer_devices_accumulate_to_the_released_step(toy_run: ToyRun, tmp_path: Path) -> None:
    """BatchNorm sees four key frames, and both micro-batches draw the same augmentations, on two devices as on one."""
    options = {**OPTIONS, "batch_per_device": 4, "switches": {"device_draws": "released"}}
    for devices in (1, 2):
        assert toy_run(tmp_path / f"{devices}", devices=devices, **options) == 0
    assert losses(tmp_path / "2") == pytest.approx(losses(tmp_path / "1"), rel=1e-5)
    one, two = (read_weights(weights_path(tmp_path / f"{devices}", "raw"))[0] for devices in (1, 2))
    trained = [key for key in one if key.endswith(("weight", "bias")) and key != "img_backbone.0.bias"]
    assert len(trained) == 5
    for key in trained:
        torch.testing.assert_close(two[key], one[key], rtol=1e-5, atol=1e-6, msg=key)
    assert toy_run(tmp_path / "own", **options | {"switches": {}}) == 0
    assert losses(tmp_path / "own") != pytest.approx(losses(tmp_path / "1"), rel=1e-3)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_signal_to_one_process_stops_all_with_a_checkpoint(
    toy_run: ToyRun, tmp_path: Path, both: tuple[Path, Path], rank: int
) -> None:
    folder = tmp_path / "run"
    options = {**OPTIONS, "devices": 2, "sync_batchnorm": True}
    assert toy_run(folder, signal_at=[6, {rank: 15}], **options) == 143
    assert toy_run(folder, **options) == 0
    assert_the_same(folder, both[1])


@pytest.mark.parametrize(
    ("numbers", "code"),
    [({0: 15, 2: 15}, 143), ({0: 10, 1: 15, 2: 2}, 143), ({1: 2}, 130)],
    ids=["two of three", "three different ones", "one of three"],
)
def test_three_processes_stop_by_a_signal_that_was_sent(
    toy_run: ToyRun, tmp_path: Path, numbers: dict[int, int], code: int
) -> None:
    """The mean over three ranks of two SIGTERM (15) and none would be SIGUSR1 (10)."""
    folder = tmp_path / "run"
    assert toy_run(folder, devices=3, batch=6, steps=4, signal_at=[2, numbers]) == code
    stopped = read_events(folder / "events.jsonl")[-1]
    assert (stopped["event"], stopped["signal"], stopped["step"]) == ("stopped", code - 128, 2)


# -- two machines: processes that know of each other by an address alone ----------------------------------------------


def assert_the_same(folder: Path, other: Path) -> None:
    for name in ("losses.csv", "weights-raw.safetensors", "weights-ema.safetensors"):
        assert (folder / name).read_bytes() == (other / name).read_bytes(), name


def events(folder: Path) -> list[str]:
    found = (event["event"] for event in read_events(folder / "events.jsonl"))
    return [event for event in found if event != "progress"]


def test_two_machines_of_one_device_are_one_of_two(toy_run: ToyRun, tmp_path: Path, both: tuple[Path, Path]) -> None:
    assert toy_run(tmp_path / "run", nodes=2, sync_batchnorm=True, **OPTIONS) == 0
    assert_the_same(tmp_path / "run", both[1])
    assert events(tmp_path / "run") == ["started", "finished"]
    assert len(list((tmp_path / "run" / "tensorboard").iterdir())) == 1


def test_two_machines_of_two_devices(toy_run: ToyRun, tmp_path: Path, both: tuple[Path, Path]) -> None:
    assert toy_run(tmp_path / "run", nodes=2, devices=2, sync_batchnorm=True, **OPTIONS) == 0
    assert losses(tmp_path / "run") == pytest.approx(losses(both[0]), rel=1e-5)
    assert events(tmp_path / "run") == ["started", "finished"]


@pytest.mark.parametrize("killed", [0, 1])
def test_a_machine_that_dies_ends_the_other_and_both_go_on(
    toy_run: ToyRun, tmp_path: Path, both: tuple[Path, Path], killed: int
) -> None:
    options = {**OPTIONS, "nodes": 2, "sync_batchnorm": True}
    code = toy_run(tmp_path / "run", kill_at=8, killed_rank=killed, **options)
    assert code == (-9 if killed == 0 else 1)
    assert not (tmp_path / "run" / "record.json").exists()
    assert toy_run(tmp_path / "run", **options) == 0
    assert_the_same(tmp_path / "run", both[1])
    assert events(tmp_path / "run") == ["started", *(["failed"] if killed else []), "resumed", "finished"]


def test_a_signal_to_the_other_machine_stops_both_with_a_checkpoint(
    toy_run: ToyRun, tmp_path: Path, both: tuple[Path, Path]
) -> None:
    options = {**OPTIONS, "nodes": 2, "sync_batchnorm": True}
    assert toy_run(tmp_path / "run", signal_at=[6, {1: 15}], **options) == 143
    assert toy_run(tmp_path / "run", **options) == 0
    assert_the_same(tmp_path / "run", both[1])
    assert events(tmp_path / "run") == ["started", "stopped", "resumed", "finished"]


def test_machines_that_see_different_folders_are_told(toy_run: ToyRun, tmp_path: Path) -> None:
    """The other machine has no checkpoint where the first one has one, as on a disk of its own."""
    options = {**OPTIONS, "nodes": 2}
    assert toy_run(tmp_path / "run", kill_at=8, **options) == -9
    (tmp_path / "elsewhere").mkdir()
    code = toy_run(tmp_path / "run", folders=[str(tmp_path / "run"), str(tmp_path / "elsewhere")], **options)
    assert code == 2
    said = (tmp_path / "run.stderr").read_text()
    assert "see different states: run toykey after step 0, run toykey after step 5" in said
    assert (tmp_path / "run" / "checkpoint").exists()
    assert not list((tmp_path / "elsewhere").iterdir())


def as_a_command(folder: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """The toy as a user starts it: one command, which starts its helper processes itself."""
    environment = {k: v for k, v in os.environ.items() if k not in ("LOCAL_RANK", "WORLD_SIZE", "NODE_RANK")}
    command = [sys.executable, str(TOY), str(folder), json.dumps({**OPTIONS, "devices": 2, **options})]
    return subprocess.run(command, env={**environment, "OMP_NUM_THREADS": "1"}, text=True, capture_output=True)


def test_the_command_starts_its_helper_processes_itself(tmp_path: Path, both: tuple[Path, Path]) -> None:
    done = as_a_command(tmp_path / "run", sync_batchnorm=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "losses.csv").read_bytes() == (both[1] / "losses.csv").read_bytes()


def test_a_helper_process_that_is_killed_ends_the_command_in_one_message(
    tmp_path: Path, both: tuple[Path, Path]
) -> None:
    done = as_a_command(tmp_path / "run", sync_batchnorm=True, kill_at=8, killed_rank=1)
    assert done.returncode == 2
    assert "a process of another device ended with exit code -9; the same command goes on" in done.stderr
    assert "Traceback" not in done.stderr
    assert events(tmp_path / "run") == ["started", "failed"]
    assert as_a_command(tmp_path / "run", sync_batchnorm=True).returncode == 0
    assert_the_same(tmp_path / "run", both[1])


def shared(run: RunSettings) -> RunSettings:
    """The run whose batch is one batch however many devices share it."""
    one = {"device_normalisation": "corrected", "device_draws": "corrected"}
    return run.model_copy(update={"switches": {**run.switches, **one}})


def student_losses(runs: Runs, folder: Path, devices: int) -> list[float]:
    run = shared(runs.settings("full", steps=6))
    training = run.training.model_copy(update={"batch": 4, "sync_batchnorm": True, "lr": 1e-6})
    job = {
        "settings": run.model_copy(update={"training": training}).model_dump(mode="json"),
        "infos_dir": str(runs.infos),
        "out_dir": str(folder),
        "parents": {stage: str(path) for stage, path in runs.located("full").parents.items()},
        "execution": {"device": "cpu", "devices": devices},
        **{"run_key": "shared", "study": "t", "variant": "full"},
    }
    file = folder.with_suffix(".json")
    file.write_text(json.dumps(job))
    script = Path(__file__).parents[1] / "support" / "stage_runs.py"
    environment = {k: v for k, v in os.environ.items() if k not in ("LOCAL_RANK", "WORLD_SIZE", "NODE_RANK")}
    command = [sys.executable, str(script), str(file)]
    done = subprocess.run(command, env={**environment, "OMP_NUM_THREADS": "1"}, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return losses(folder)


def test_the_whole_method_on_two_processes(runs: Runs, tmp_path: Path) -> None:
    """Student, teacher and label encoder with every term; the command starts its second process itself.

    The learning rate is small: in float32 the gradients of these nets carry rounding noise of a percent, in one process
    as in two, which larger steps turn into different losses. The test below compares gradients without that noise.
    """
    one = student_losses(runs, tmp_path / "one", 1)
    two = student_losses(runs, tmp_path / "two", 2)
    assert two == pytest.approx(one, rel=1e-5)
    assert len(set(one)) == len(one)
    with (tmp_path / "two" / "losses.csv").open() as stream:
        assert all(
            float(row[term]) > 0 for row in csv.DictReader(stream) for term in ("lidar_feature", "label_feature")
        )


def gradients(rank: int, world: int, infos: str, out: str) -> None:
    """Losses and gradients of the baseline student in float64, one process's share of four key frames."""
    torch.set_num_threads(1)
    torch.Tensor.float = torch.Tensor.double  # type: ignore[method-assign]
    torch.float32 = torch.float64  # type: ignore[misc]
    torch.set_default_dtype(torch.float64)
    from labeldistill.training.recipe import build_model, training_items

    run = shared(Runs(Path(infos), Path(out)).settings("baseline"))
    model, items = build_model(run).double().train(), training_items(run, Path(infos))
    if world > 1:
        torch.distributed.init_process_group("gloo", f"file://{out}/meet", rank=rank, world_size=world)
        synchronised(model, "cpu")
    share = range(4)[rank * 4 // world : (rank + 1) * 4 // world]
    batch = in_float64(items.collate([items.item(0, index) for index in share]).to(torch.device("cpu")))
    terms = torch.stack(list(model.losses(batch).values()))
    terms.sum().backward()
    parts = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    found = torch.cat([terms.detach(), *parts])
    if world > 1:
        torch.distributed.all_reduce(found)
    if rank == 0:
        torch.save(found / world, f"{out}/{world}.pt")


def in_float64(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.double() if value.is_floating_point() else value
    if isinstance(value, list):
        return [in_float64(part) for part in value]
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: in_float64(getattr(value, f.name)) for f in fields(value)})
    return value


def test_gradients_of_a_shared_batch_are_exact_in_float64(runs: Runs, tmp_path: Path) -> None:
    for world in (1, 2):
        mp.spawn(gradients, args=(world, str(runs.infos), str(tmp_path)), nprocs=world)
    one, two = (torch.load(tmp_path / f"{world}.pt") for world in (1, 2))
    assert (one - two).norm() <= 1e-12 * one.norm()
