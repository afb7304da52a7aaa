"""The batches of a training: items drawn by (epoch, index), in worker processes where the settings ask for them."""

from typing import Any

import torch
import torch.distributed as dist
from torch.utils.data import DataLoader, Dataset

from labeldistill.ops.distributed import world_size
from labeldistill.training.job import TrainingItems, TrainingJob
from labeldistill.training.order import Key, MicroBatches
from labeldistill.training.schedule import Length


class _Keyed(Dataset[Any]):
    """Items by (epoch, index)."""

    def __init__(self, items: TrainingItems) -> None:
        self.items = items

    def __getitem__(self, key: Key) -> Any:
        return self.items.item(*key)


def start_worker(worker: int) -> None:
    """One thread each: workers stand beside each other."""
    torch.set_num_threads(1)


def training_batches(job: TrainingJob, length: Length, start: int = 0) -> DataLoader[Any]:
    """This process's micro-batches from optimiser step `start` to the end of the run."""
    rank = dist.get_rank() if dist.is_initialized() else 0
    order = MicroBatches(
        length,
        job.seed,
        rank=rank,
        world=world_size(),
        start=start,
        same_draws=job.released("device_draws"),
    )
    return DataLoader(
        _Keyed(job.items),
        batch_sampler=order,
        collate_fn=job.items.collate,
        num_workers=job.training.loader_workers,
        worker_init_fn=start_worker,
        generator=torch.Generator().manual_seed(0),
    )
