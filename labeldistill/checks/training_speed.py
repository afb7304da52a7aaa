"""Speed of a run's training: whole steps, their phases, what they wait for data, the loader alone, energy."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from labeldistill.checks.clock import Clock, Measured
from labeldistill.config.study import BenchmarkSettings
from labeldistill.training.determinism import determinism
from labeldistill.training.devices import Accelerator, usable_precision
from labeldistill.training.job import TrainingJob
from labeldistill.training.loader import training_batches
from labeldistill.training.schedule import Length, run_length
from labeldistill.training.step import TrainingStep, Watcher
from labeldistill.training.usage import gpu_energy_j


def training_speed(job: TrainingJob, settings: BenchmarkSettings, accelerator: Accelerator) -> Measured:
    """Carry out training's own steps behind the run's own loader, without event log or checkpoints.

    Twice: whole steps, and then steps split into phases, for which a GPU has to come to rest between two of them.

    Args:
        job: its model is trained in place.
        settings: warm-up and repeats.
        accelerator: to train on.
    """
    length = run_length(job.training, len(job.items), 1)
    job.model.to(accelerator).train()
    found = Measured()
    whole, phases = Clock(accelerator), Clock(accelerator)
    with determinism(job.training.deterministic):
        joules = _steps(job, length, settings, whole)
        _steps(job, length, settings, phases, watcher=phases)
    seconds = _per_step(whole, settings)
    both = seconds["loader"] + seconds["step"]
    found.add("train_samples_per_s", both, per=length.batch)
    found.add("train_step_median_ms", both)
    found.add("train_loader_ms", seconds["loader"])
    found.metrics["train_waiting_for_data_percent"] = 100 * float(seconds["loader"].sum() / both.sum())
    for phase in ("forward", "backward", "optimizer"):
        found.add(f"train_{phase}_ms", _per_step(phases, settings)[phase])
    if joules is not None:
        found.metrics["train_energy_j_per_sample"] = joules / (settings.repeats * length.batch)
    found.metrics["loader_samples_per_s"] = _loader_alone(job, length, settings)
    return found


def _steps(
    job: TrainingJob, length: Length, settings: BenchmarkSettings, clock: Clock, watcher: Watcher | None = None
) -> float | None:
    """Train; joules of the steps after the warm-up, None where the device does not tell."""
    device = torch.device(clock.accelerator)
    step = TrainingStep(job, length, usable_precision(job.training.precision, clock.accelerator), watcher)
    batches = _endless(job, length, pin=device.type == "cuda")
    before = None
    for number in range(settings.warmup + settings.repeats):
        if number == settings.warmup:
            before = gpu_energy_j()
        with clock.timing("loader"):
            micro_batches = [next(batches).to(device) for _ in range(length.accumulation)]
        with clock.timing("step"):
            step(number, micro_batches)
    after = gpu_energy_j()
    return None if before is None or after is None else after - before


def _per_step(clock: Clock, settings: BenchmarkSettings) -> dict[str, NDArray[np.float64]]:
    """Seconds of each part in each step after the warm-up, summed over its micro-batches."""
    steps = settings.warmup + settings.repeats
    return {part: np.reshape(values, (steps, -1)).sum(1)[settings.warmup :] for part, values in clock.parts.items()}


def _loader_alone(job: TrainingJob, length: Length, settings: BenchmarkSettings) -> float:
    """Samples per second that the run's loader gives when nobody trains."""
    batches = _endless(job, length)
    for _ in range(settings.warmup * length.accumulation):
        next(batches)
    start = time.perf_counter()
    for _ in range(settings.repeats * length.accumulation):
        next(batches)
    return settings.repeats * length.batch / (time.perf_counter() - start)


def _endless(job: TrainingJob, length: Length, *, pin: bool = False) -> Iterator[Any]:
    while True:
        yield from training_batches(job, length, pin=pin)
