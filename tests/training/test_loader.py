"""Workers that fit the job, shared memory that fits the workers, and the same batches however they are loaded."""

import dataclasses
import os
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from event_files import read_events
from stage_runs import Runs
from torch.utils.data import DataLoader, Dataset
from toy_training import toy_job

from labeldistill.errors import InputError
from labeldistill.training.fit import fit
from labeldistill.training.loader import (
    loader_options,
    refuse_little_shared_memory,
    training_batches,
    usable_workers,
)
from labeldistill.training.recipe import training_items
from labeldistill.training.schedule import run_length


@pytest.mark.parametrize(
    ("asked", "cores", "processes", "given"), [(4, 16, 1, 4), (4, 16, 4, 3), (4, 2, 1, 1), (4, 1, 1, 0), (0, 16, 1, 0)]
)
def test_a_job_starts_no_more_workers_than_it_has_cores(
    monkeypatch: pytest.MonkeyPatch, asked: int, cores: int, processes: int, given: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)))
    assert usable_workers(asked, processes) == given


def test_too_little_shared_memory_is_said_before_the_bus_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=64 * 2**20))
    refuse_little_shared_memory(10 * 2**20, workers=2, folder=tmp_path)  # 60 MiB
    with pytest.raises(InputError, match=r"4 loader workers need 0\.12 GiB .* set at most 2") as raised:
        refuse_little_shared_memory(10 * 2**20, workers=4, folder=tmp_path)
    assert "training.loader_workers" in str(raised.value)
    refuse_little_shared_memory(2**40, workers=4, folder=tmp_path / "absent")


def test_a_training_whose_workers_do_not_fit_ends_in_that_message(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    run = runs.settings("baseline")
    job = dataclasses.replace(toy_job(Path(), loader_workers=2), items=training_items(run, runs.infos))
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2})
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(InputError, match="2 loader workers need"):
        training_batches(job, run_length(run.training, 4, 1))


def test_images_leave_the_loader_as_bytes_and_are_normalised_on_the_device(runs: Runs) -> None:
    items = training_items(runs.settings("baseline"), runs.infos)
    batch = items.collate([items.item(0, 0), items.item(0, 1)])
    assert batch.images is not None
    assert batch.levels is not None
    assert batch.images.dtype == torch.uint8
    parts = [batch.images, batch.depth, batch.points, *batch.boxes, *batch.labels, batch.ego2global]
    cameras = vars(batch.cameras).values()
    assert batch.nbytes == sum(part.nbytes for part in (*parts, *cameras) if part is not None)
    moved = batch.to(torch.device("cpu"))
    assert moved.images is not None
    assert moved.images.dtype == torch.float32
    for channel in range(3):
        expected = batch.levels[channel][batch.images[..., channel, :, :].long()]
        assert torch.equal(moved.images[..., channel, :, :], expected)
    again = moved.to(torch.device("cpu"))  # what is normalised stays as it is
    assert again.images is not None
    assert torch.equal(again.images, moved.images)


class _Deaf(Dataset[Any]):
    """Says whether a worker ignores a signal to the whole job, which is the training process's own."""

    def __getitem__(self, index: int) -> bool:
        os.kill(os.getpid(), signal.SIGTERM)
        return True

    def __len__(self) -> int:
        return 2


def test_a_signal_to_the_whole_job_leaves_the_workers_alone() -> None:
    assert list(DataLoader(_Deaf(), batch_size=None, **loader_options(1, pin=False))) == [True, True]


def test_a_training_says_what_it_waited_for(tmp_path: Path) -> None:
    outcome = fit(toy_job(tmp_path, steps=3))
    assert outcome is not None
    assert 0 < outcome.usage["data_wait_s"] < outcome.usage["wall_s"]
    assert outcome.device["loader_workers"] == 0
    shares = [
        event["waited_percent"] for event in read_events(tmp_path / "events.jsonl") if event["event"] == "progress"
    ]
    assert shares
    assert all(0 <= share <= 100 for share in shares)
