"""Throughput of a run on this machine: training samples/s, inference latency split into its parts, peak memory."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from labeldistill.config.methods import STAGES
from labeldistill.config.study import BenchmarkSettings, RunSettings
from labeldistill.data.batch import Batch
from labeldistill.data.dataset import KeyFrameDataset
from labeldistill.data.infos import Infos
from labeldistill.training.determinism import set_threads
from labeldistill.training.devices import Accelerator, describe, resolve_device, usable_precision
from labeldistill.training.job import Device, LocatedRun, TrainingJob
from labeldistill.training.module import build_optimizer
from labeldistill.training.order import MicroBatches
from labeldistill.training.recipe import SplitItems, build_model, training_items
from labeldistill.training.schedule import Length, run_length
from labeldistill.training.usage import peak_memory, reset_peak_memory
from labeldistill.training.weights_file import read_weights, weights_path


def benchmark(
    run: LocatedRun, *, split: str = "val", settings: BenchmarkSettings | None = None, device: Device = "auto"
) -> dict[str, Any]:
    """Measure a finished run, as JSON values; nothing is written.

    Training: whole optimiser steps (loader, losses, backward, AdamW) after a warm-up, without Lightning's loop,
    event log or checkpoints. Inference: one key frame at a time with EMA weights, timed as loader (reading and
    preparing the sample), forward (network) and decode, in float32. Memory is the peak of the GPU, or of the process
    on a CPU: everything it holds counts, while training (peak_memory_mb) and while detecting (inference_memory_mb).

    Args:
        run: a finished run; weights of another key are refused.
        split: key frames for the latency.
        settings: warm-up and repeats; the key frames are gone through again where the split has fewer.
        device: auto, cpu or cuda.

    Raises:
        InputError: weights or index that are missing or of another run.
    """
    settings = settings or BenchmarkSettings()
    accelerator = resolve_device(device)
    threads = set_threads()
    reset_peak_memory(accelerator)
    resolved = run.settings
    state, _ = read_weights(weights_path(run.folder, "ema"), run_key=run.key)
    model = build_model(resolved, run.parents)
    model.load_state_dict({**model.state_dict(), **state})
    model.to(accelerator)
    dataset = KeyFrameDataset(Infos.open(run.infos, resolved.data.dataroot), resolved, split, training=False)
    latency = _latency(model.eval(), dataset, settings, accelerator)
    inference_memory = peak_memory(accelerator)
    reset_peak_memory(accelerator)
    training = _training(model.train(), resolved, training_items(resolved, run.infos), settings, accelerator)
    memory = {"peak_memory_mb": peak_memory(accelerator) / 2**20, "inference_memory_mb": inference_memory / 2**20}
    metrics = {**training, **latency, **memory}
    return {
        "run_key": run.key,
        "metrics": metrics,
        "device": f"{describe(accelerator)['name']} ({accelerator}, {threads} thread{'s' if threads > 1 else ''})",
        "warmup": settings.warmup,
        "repeats": settings.repeats,
    }


@dataclass
class _Clock:
    """Seconds of each repeat, part by part."""

    accelerator: Accelerator
    parts: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def timing(self, part: str) -> Iterator[None]:
        """Note how long the block takes, GPU work included."""
        start = self.now()
        yield
        self.parts.setdefault(part, []).append(self.now() - start)

    def now(self) -> float:
        """Seconds, once the GPU has nothing more to do."""
        if self.accelerator == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def milliseconds(self, warmup: int) -> dict[str, float]:
        """Median and 90th percentile of the whole, medians of the parts, without the warm-up."""
        kept = {part: np.array(values[warmup:]) * 1e3 for part, values in self.parts.items()}
        whole = np.sum(list(kept.values()), axis=0)
        found = {"latency_median_ms": float(np.median(whole)), "latency_p90_ms": float(np.percentile(whole, 90))}
        return found | {f"latency_{part}_ms": float(np.median(values)) for part, values in kept.items()}


@torch.inference_mode()
def _latency(
    model: nn.Module,
    dataset: KeyFrameDataset,
    settings: BenchmarkSettings,
    accelerator: Accelerator,
) -> dict[str, float]:
    clock = _Clock(accelerator)
    network = _NetworkTime(model, clock)
    detect: Callable[[Batch], Any] = model.detect  # type: ignore[assignment]
    for number in range(settings.warmup + settings.repeats):
        with clock.timing("loader"):
            batch = dataset.collate([dataset[number % len(dataset)]]).to(torch.device(accelerator))
        start = clock.now()
        detect(batch)
        whole = clock.now() - start
        clock.parts.setdefault("forward", []).append(network.seconds)
        clock.parts.setdefault("decode", []).append(whole - network.seconds)
    return clock.milliseconds(settings.warmup)


class _NetworkTime:
    """Seconds of the latest forward pass; what `detect` needs besides is decoding."""

    def __init__(self, model: nn.Module, clock: _Clock) -> None:
        self.clock, self.seconds, self._entered = clock, 0.0, 0.0
        model.register_forward_pre_hook(self._begin)
        model.register_forward_hook(self._end)

    def _begin(self, *unused: Any) -> None:
        self._entered = self.clock.now()

    def _end(self, *unused: Any) -> None:
        self.seconds = self.clock.now() - self._entered


def _training(
    model: nn.Module, run: RunSettings, items: SplitItems, settings: BenchmarkSettings, accelerator: Accelerator
) -> dict[str, float]:
    job = TrainingJob(
        "", run.stage, run.seed, run.training, model, items, Path(), {}, run.switches, STAGES[run.stage].frozen
    )
    optimizer = build_optimizer(job)
    length = run_length(run.training, len(items), 1)
    losses: Callable[[Batch], dict[str, Tensor]] = model.losses  # type: ignore[assignment]
    clock = _Clock(accelerator)
    batches = _endless(items, length, run.seed)
    for _ in range(settings.warmup + settings.repeats):
        for _ in range(length.accumulation):
            with clock.timing("loader"):
                batch = next(batches).to(torch.device(accelerator))
            with clock.timing("step"), _autocast(run, accelerator):
                torch.autograd.backward(torch.stack(list(losses(batch).values())).sum())
        with clock.timing("update"):
            optimizer.step()
            optimizer.zero_grad()
    return _per_step(clock, settings, length)


def _autocast(run: RunSettings, accelerator: Accelerator) -> torch.autocast:
    """Training's mixed precision (gradient scaling, which costs next to nothing, is left out)."""
    precision = usable_precision(run.training.precision, accelerator)
    half = torch.float16 if precision.startswith("16") else torch.bfloat16
    return torch.autocast(accelerator, dtype=half, enabled=precision.endswith("mixed"))


def _endless(items: SplitItems, length: Length, seed: int) -> Iterator[Batch]:
    while True:
        for keys in MicroBatches(length, seed):
            yield items.collate([items.item(*key) for key in keys])


def _per_step(clock: _Clock, settings: BenchmarkSettings, length: Length) -> dict[str, float]:
    steps = settings.warmup + settings.repeats
    parts = {part: np.array(seconds).reshape(steps, -1).sum(1) for part, seconds in clock.parts.items()}
    whole = np.sum(list(parts.values()), axis=0)[settings.warmup :]
    return {
        "train_samples_per_s": float(length.batch / np.median(whole)),
        "train_step_median_ms": float(np.median(whole) * 1e3),
        "train_loader_ms": float(np.median(parts["loader"][settings.warmup :]) * 1e3),
    }
