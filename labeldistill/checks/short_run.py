"""A few optimiser steps without event log, checkpoints or files: what audits train."""

import torch

from labeldistill.training.determinism import determinism
from labeldistill.training.devices import resolve_device, usable_precision
from labeldistill.training.job import TrainingJob
from labeldistill.training.loader import training_batches
from labeldistill.training.schedule import run_length
from labeldistill.training.step import TrainingStep, Watcher


def short_run(job: TrainingJob, steps: int, watcher: Watcher | None = None) -> list[float]:
    """Train a job's model in place for `steps` optimiser steps, or for its whole length if that is less.

    Returns:
        Total loss of every step, the mean over its micro-batches.

    Raises:
        InputError: as `resolve_device` and `run_length`.
    """
    accelerator = resolve_device(job.device)
    length = run_length(job.training, len(job.items), 1)
    device = torch.device(accelerator)
    job.model.to(device).train()
    step = TrainingStep(job, length, usable_precision(job.training.precision, accelerator), watcher)
    batches = iter(training_batches(job, length))
    totals: list[float] = []
    with determinism(job.training.deterministic):
        for number in range(min(steps, length.steps)):
            losses = step(number, (next(batches).to(device) for _ in range(length.accumulation)))
            totals.append(float(losses.values[0]))
    return totals
