"""What only a device can say beside the self-check: inference end to end, and a race of the sparse backends."""

from collections.abc import Iterator
from functools import cache
from statistics import median

import torch

from labeldistill.checks.clock import Clock
from labeldistill.checks.inference_speed import inference_speed
from labeldistill.checks.selfcheck import Check
from labeldistill.checks.synthetic_batches import SyntheticItems
from labeldistill.config.runs import run_settings, unstarted
from labeldistill.config.study import BenchmarkSettings, RunSettings, StudySettings
from labeldistill.data.batch import Batch
from labeldistill.inference.predict import detecting_precision
from labeldistill.ops.rulebook import sort_sites
from labeldistill.ops.sparse_backends import BACKENDS
from labeldistill.training.devices import resolve_device
from labeldistill.training.recipe import build_model
from labeldistill.training.usage import peak_memory, reset_peak_memory

RACE = ((60_000, 16), (40_000, 32), (20_000, 64), (8_000, 128))
"""Voxels and channels of the teacher's four stages, for one sample by order of magnitude."""


class Frames(SyntheticItems):
    """Key frames of random numbers as a split that is only detected on; each is made once."""

    def __init__(self, run: RunSettings, samples: int) -> None:
        super().__init__(run, samples, training=False)
        self._made = cache(lambda index: self.item(0, index))

    def __getitem__(self, index: int) -> Batch:
        return self._made(index)


def inference(study: StudySettings, variant: str, device: str, repeats: int = 30, batch: int = 8) -> Check:
    """From a key frame in memory to boxes, in the precision that `predict` detects in: one at a time, and a batch.

    Args:
        study: whose variant detects, with random weights on random key frames.
        variant: name of the variant.
        device: auto, cpu or cuda.
        repeats: timed repeats, after a fifth as many to warm up.
        batch: key frames of a full batch.
    """
    accelerator = resolve_device(device)
    run = unstarted(run_settings(study, "student", variant, study.seeds[0]))
    reset_peak_memory(accelerator)
    model = build_model(run, inference=True).to(accelerator).eval()
    settings = BenchmarkSettings(warmup=max(1, repeats // 5), repeats=repeats)
    with detecting_precision(run, torch.device(accelerator)) as half:
        found = inference_speed(model, Frames(run, batch), settings, Clock(accelerator), batch)
    values = {**found.metrics, "frames_per_s": 1e3 / found.metrics["latency_median_ms"]}
    values["peak_memory_mb"] = peak_memory(accelerator) / 2**20
    text = (
        f"{values['frames_per_s']:.1f} key frames/s one at a time, {values['inference_samples_per_s']:.1f} in batches"
    )
    precision = "float32" if half is None else "float16"
    return Check(f"inference, {variant}, {precision}", True, f"{text} of {batch}", values)


def sparse_race(device: str, repeats: int = 10) -> Iterator[Check]:
    """Forward and backward of one 3 x 3 x 3 convolution in each stage's size, with every backend.

    Args:
        device: auto, cpu or cuda.
        repeats: timed repeats, after one to warm up.
    """
    accelerator = resolve_device(device)
    random = torch.Generator().manual_seed(0)
    for voxels, channels in RACE:
        cells = torch.cat([torch.zeros(voxels, 1), torch.rand(voxels, 3, generator=random) * 60], 1).long()
        sites = sort_sites(torch.unique(cells, dim=0).to(accelerator), (60, 60, 60), 1)[0]
        features = torch.randn(len(sites.coordinates), channels, generator=random)
        weight = torch.randn(3, 3, 3, channels, channels, generator=random)
        for name, backend in BACKENDS.items():
            book = backend.submanifold(sites, (3, 3, 3))
            rows, matrix = (x.to(accelerator).requires_grad_() for x in (features, weight))
            clock = Clock(accelerator)
            for _ in range(1 + repeats):
                with clock.timing("both"):
                    backend.convolve(rows, matrix, book).sum().backward()  # type: ignore[no-untyped-call]
            took = 1e3 * median(clock.parts["both"][1:])
            what = f"sparse convolution ({name}), {len(features):,} voxels, {channels} channels"
            yield Check(what, True, f"{took:.2f} ms forward and backward", {"ms": took})
