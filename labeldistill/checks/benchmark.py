"""Throughput of a finished run on this machine: training, loader, inference stage by stage, memory, energy."""

from pathlib import Path
from typing import Any

import torch

from labeldistill.checks.clock import Clock, median_interval
from labeldistill.checks.inference_speed import inference_speed
from labeldistill.checks.training_speed import training_speed
from labeldistill.config.methods import STAGES
from labeldistill.config.study import BenchmarkSettings, RunSettings
from labeldistill.data.dataset import KeyFrameDataset
from labeldistill.data.infos import Infos
from labeldistill.inference.predict import BATCH, detecting_precision
from labeldistill.training.determinism import set_threads
from labeldistill.training.devices import Accelerator, describe, resolve_device, usable_precision
from labeldistill.training.job import Device, LocatedRun, TrainingJob
from labeldistill.training.loader import usable_workers
from labeldistill.training.recipe import build_model, training_items
from labeldistill.training.usage import gpu_clocks_mhz, peak_memory, reset_peak_memory
from labeldistill.training.weights_file import read_weights, weights_path


def benchmark(
    run: LocatedRun, *, split: str = "val", settings: BenchmarkSettings | None = None, device: Device = "auto"
) -> dict[str, Any]:
    """Measure a finished run, as JSON values; nothing is written.

    Training: the very step of training behind the run's own loader, after a warm-up, without event log or checkpoints;
    then the loader alone. Inference: with EMA weights in the precision that `predict` detects in, one key frame at a
    time (loader, forward, decode and each stage of the network) and a full batch. Every figure is the median of the
    repeats, with an interval for it. Memory is the peak of the GPU, or of the process on a CPU: everything that it
    holds counts, while it trains (peak_memory_mb) and while it detects (inference_memory_mb).

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
    full = min(resolved.training.batch_per_device or BATCH, BATCH)
    with detecting_precision(resolved, torch.device(accelerator)) as half:
        inference = inference_speed(model.eval(), dataset, settings, Clock(accelerator), full)
    inference_memory = peak_memory(accelerator)
    reset_peak_memory(accelerator)
    job = TrainingJob(
        run_key="",
        stage=resolved.stage,
        seed=resolved.seed,
        training=resolved.training,
        model=model,
        items=training_items(resolved, run.infos),
        out_dir=Path(),
        switches=resolved.switches,
        frozen=STAGES[resolved.stage].frozen,
    )
    training = training_speed(job, settings, accelerator)
    memory = {"peak_memory_mb": peak_memory(accelerator) / 2**20, "inference_memory_mb": inference_memory / 2**20}
    return {
        "run_key": run.key,
        "metrics": {**training.metrics, **inference.metrics, **memory},
        "intervals": {**training.intervals, **inference.intervals},
        "coverage": median_interval(range(settings.repeats))[2],
        "device": f"{describe(accelerator)['name']} ({accelerator}, {threads} thread{'s' if threads > 1 else ''})",
        "conditions": {
            **_conditions(resolved, accelerator),
            "inference_batch": full,
            "inference_precision": "32-true" if half is None else "16-mixed",
        },
        "warmup": settings.warmup,
        "repeats": settings.repeats,
    }


def _conditions(run: RunSettings, accelerator: Accelerator) -> dict[str, Any]:
    """What another measurement must share to be compared with this one."""
    return {
        "precision": usable_precision(run.training.precision, accelerator),
        "training_batch": run.training.batch,
        "loader_workers": usable_workers(run.training.loader_workers, 1),
        "deterministic": run.training.deterministic,
        "torch": torch.__version__,
        "clocks_mhz": gpu_clocks_mhz() if accelerator == "cuda" else None,
    }
