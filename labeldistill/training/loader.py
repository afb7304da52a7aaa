"""The batches of a training: items drawn by (epoch, index), in worker processes where the settings ask for them."""

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.utils.data import DataLoader, Dataset

from labeldistill.errors import InputError
from labeldistill.ops.distributed import world_size
from labeldistill.training.job import TrainingItems, TrainingJob
from labeldistill.training.order import Key, MicroBatches
from labeldistill.training.schedule import Length
from labeldistill.training.stopping import SIGNALS

SHARED_MEMORY = Path("/dev/shm")
PREFETCH = 2
"""Batches that each worker prepares ahead."""


class _Keyed(Dataset[Any]):
    """Items by (epoch, index)."""

    def __init__(self, items: TrainingItems) -> None:
        self.items = items

    def __getitem__(self, key: Key) -> Any:
        return self.items.item(*key)


def training_batches(job: TrainingJob, length: Length, start: int = 0, *, pin: bool = False) -> DataLoader[Any]:
    """This process's micro-batches from optimiser step `start` to the end of the run.

    Args:
        job: its items and settings.
        length: of the run on this number of processes.
        start: optimiser step, from 0.
        pin: hand out batches in pinned memory, for a GPU.

    Raises:
        InputError: shared memory holds fewer batches than the workers prepare.
    """
    rank = dist.get_rank() if dist.is_initialized() else 0
    order = MicroBatches(
        length,
        job.seed,
        rank=rank,
        world=world_size(),
        start=start,
        same_draws=job.released("device_draws"),
    )
    workers = usable_workers(job.training.loader_workers, job.devices)
    if workers:
        one = job.items.collate([job.items.item(0, 0)])
        refuse_little_shared_memory(getattr(one, "nbytes", 0) * length.batch_per_device, workers * job.devices)
    return DataLoader(
        _Keyed(job.items),
        batch_sampler=order,
        collate_fn=job.items.collate,
        generator=torch.Generator().manual_seed(0),
        **loader_options(workers, pin=pin),
    )


def usable_workers(asked: int, processes: int) -> int:
    """Loader workers of one of `processes` processes: at most a core each, beside the one that computes."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(asked, max(cores // processes - 1, 0))


def loader_options(workers: int, *, pin: bool) -> dict[str, Any]:
    """Options of every DataLoader of the project."""
    if not workers:
        return {"num_workers": 0, "pin_memory": pin}
    return {
        "num_workers": workers,
        "pin_memory": pin,
        "prefetch_factor": PREFETCH,
        "persistent_workers": True,
        "worker_init_fn": start_worker,
    }


def start_worker(worker: int) -> None:
    """One thread each, for workers stand beside each other; signals to the whole job are the training process's own."""
    torch.set_num_threads(1)
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def refuse_little_shared_memory(batch_bytes: int, workers: int, folder: Path = SHARED_MEMORY) -> None:
    """Say before they start that workers would die of a bus error.

    Args:
        batch_bytes: tensors of one micro-batch.
        workers: of all processes on this machine; each prepares PREFETCH batches and may hold another one.
        folder: where shared memory is mounted; a system without it is not asked.

    Raises:
        InputError: too little is free there.
    """
    if not folder.is_dir():
        return
    needed, free = batch_bytes * workers * (PREFETCH + 1), shutil.disk_usage(folder).free
    if needed > free:
        fitting = free // max(batch_bytes * (PREFETCH + 1), 1)
        raise InputError(
            f"{workers} loader workers need {needed / 2**30:.2f} GiB of shared memory, {free / 2**30:.2f} GiB are "
            f"free; enlarge it (docker run --shm-size) or set at most {fitting}",
            file=folder,
            key="training.loader_workers",
        )
