"""Inference latency of a model, whole and stage by stage."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from labeldistill.checks.clock import Clock, Measured, StageClock
from labeldistill.config.study import BenchmarkSettings
from labeldistill.data.batch import Batch

STAGE_OF_MODULE = {
    "backbone.img_backbone": "backbone",
    "backbone.img_neck": "backbone",
    "backbone.depth_net": "depth_net",
    "backbone": "view_transform",  # what is left of the camera branch: lift and BEV pooling
    "head.trunk": "trunk",
    "head.neck": "trunk",
    "head": "head",
    "pts_voxel_layer": "voxels",
    "pts_voxel_encoder": "voxels",
    "pts_middle_encoder": "sparse_encoder",
    "pts_backbone": "trunk",
    "pts_neck": "trunk",
    "pts_bbox_head": "head",
}
"""Submodule -> stage of the camera students and of the LiDAR teacher; what no module takes is decoding."""


class KeyFrames(Protocol):
    """A split to detect on: a `KeyFrameDataset`, or key frames of random numbers."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Any: ...

    def collate(self, items: Any) -> Batch:
        """One batch of several key frames."""
        ...


@torch.inference_mode()
def inference_speed(
    model: nn.Module, dataset: KeyFrames, settings: BenchmarkSettings, clock: Clock, full: int
) -> Measured:
    """Latency with one key frame (`latency_*`) and with a full batch (`batch_*`), and samples per second of the latter.

    Args:
        model: in eval mode, on the clock's device.
        dataset: key frames; gone through again where there are fewer than repeats.
        settings: warm-up and repeats.
        clock: of the device.
        full: key frames of a full batch.
    """
    found = Measured()
    _one_by_one(model, dataset, settings, clock, found)
    batch = _batch(dataset, clock, range(full))
    whole = _repeated(settings, lambda: _detect(model, batch), clock)
    found.add("batch_median_ms", whole)
    found.add("inference_samples_per_s", whole, per=full)
    _stages(model, lambda number: batch, settings, clock, found, prefix="batch")
    return found


def _one_by_one(
    model: nn.Module, dataset: KeyFrames, settings: BenchmarkSettings, clock: Clock, found: Measured
) -> None:
    loader, network = [], []
    for number in range(settings.warmup + settings.repeats):
        start = clock.now()
        batch = _batch(dataset, clock, [number])
        loaded = clock.now()
        _detect(model, batch)
        loader.append(loaded - start)
        network.append(clock.now() - loaded)
    kept = slice(settings.warmup, None)
    whole = [a + b for a, b in zip(loader[kept], network[kept], strict=True)]
    found.add("latency_median_ms", whole)
    found.metrics["latency_p90_ms"] = 1e3 * float(np.percentile(whole, 90))
    found.add("latency_loader_ms", loader[kept])
    _stages(model, lambda number: _batch(dataset, clock, [number]), settings, clock, found, prefix="latency")


def _stages(
    model: nn.Module,
    batch_of: Callable[[int], Batch],
    settings: BenchmarkSettings,
    clock: Clock,
    found: Measured,
    *,
    prefix: str,
) -> None:
    """Seconds of each stage; a pass of its own, for the GPU has to come to rest between two stages."""
    stages = StageClock(model, STAGE_OF_MODULE, clock)
    repeats: list[dict[str, float]] = []
    for number in range(settings.warmup + settings.repeats):
        batch = batch_of(number)
        with stages.splitting("decode") as seconds:
            _detect(model, batch)
        repeats.append(seconds)
    stages.remove()
    kept = repeats[settings.warmup :]
    for stage in kept[0]:
        found.add(f"{prefix}_{stage}_ms", [seconds[stage] for seconds in kept])
    found.add(f"{prefix}_forward_ms", [sum(seconds.values()) - seconds["decode"] for seconds in kept])


def _repeated(settings: BenchmarkSettings, work: Callable[[], object], clock: Clock) -> list[float]:
    seconds = []
    for _ in range(settings.warmup + settings.repeats):
        start = clock.now()
        work()
        seconds.append(clock.now() - start)
    return seconds[settings.warmup :]


def _batch(dataset: KeyFrames, clock: Clock, numbers: Any) -> Batch:
    items = [dataset[number % len(dataset)] for number in numbers]
    return dataset.collate(items).to(torch.device(clock.accelerator))


def _detect(model: nn.Module, batch: Batch) -> object:
    detect: Callable[[Batch], object] = model.detect  # type: ignore[assignment]
    return detect(batch)
