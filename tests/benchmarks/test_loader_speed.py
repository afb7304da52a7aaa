"""Cost of an image on its way from the file to the network, each way against the other in one run.

    pytest tests/benchmarks -k loader --benchmark-only

`hand over`: batches of one key frame with three frames at the released size, through a worker process; as bytes that
the training process normalises, and normalised by the worker as before (four times the bytes in shared memory).
`resize`: one camera image of nuScenes' size; the whole image and then the crop (released), and only the crop.
"""

import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import torch
from numpy.random import RandomState
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from labeldistill.config.model import ImageSettings
from labeldistill.data.augmentation import draw_image_augmentation
from labeldistill.data.images import Normalisation, augmented, normalised
from labeldistill.training.loader import loader_options

SETTINGS = ImageSettings()
BATCHES = 12
LEVELS = Normalisation(SETTINGS, bgr=True).levels


class Frames(Dataset[Tensor]):
    """Pixels that are there already, so that only handing them over costs anything."""

    def __init__(self, in_worker: bool) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (3, 6, 3, *SETTINGS.size_px), dtype=np.uint8)
        self.pixels, self.in_worker = torch.from_numpy(pixels), in_worker

    def __len__(self) -> int:
        return BATCHES

    def __getitem__(self, index: int) -> Tensor:
        return normalised(self.pixels, LEVELS) if self.in_worker else self.pixels.clone()


def handed_over(in_worker: bool) -> int:
    loader = DataLoader(Frames(in_worker), batch_size=None, **loader_options(1, pin=False))
    total = 0
    for batch in loader:
        images = batch if in_worker else normalised(batch, LEVELS)
        assert images.dtype == torch.float32
        total += batch.nbytes
    return total


def ratio(benchmark: Any, ours: Callable[[], Any], theirs: Callable[[], Any], rounds: int = 5) -> None:
    """Time both in turn, so that a busy machine slows both."""
    seconds: list[float] = []

    def timed() -> None:
        start = time.perf_counter()
        theirs()
        seconds.append(time.perf_counter() - start)

    benchmark.pedantic(ours, setup=timed, rounds=rounds, warmup_rounds=1)
    benchmark.extra_info["times faster"] = float(np.median(seconds) / benchmark.stats.stats.median)


@pytest.mark.benchmark(group="loader: hand over")
def test_bytes_handed_over_by_a_worker(benchmark: Any) -> None:
    assert handed_over(True) == 4 * handed_over(False)
    ratio(benchmark, lambda: handed_over(False), lambda: handed_over(True))


@pytest.mark.benchmark(group="loader: resize")
def test_resize_of_the_crop_alone(benchmark: Any) -> None:
    rng = RandomState(0)
    noise = Image.fromarray(rng.randint(0, 256, (90, 160, 3), dtype=np.uint8)).resize((1600, 900))
    file = BytesIO()
    noise.save(file, "JPEG", quality=90)
    image = Image.open(file).convert("RGB")
    changes = [draw_image_augmentation(SETTINGS, (900, 1600), rng) for _ in range(12)]

    def all_of(crop_only: bool) -> list[Any]:
        return [augmented(image, change, crop_only=crop_only) for change in changes]

    pairs = list(zip(all_of(True), all_of(False), strict=True))
    benchmark.extra_info["share of bytes that differ"] = float(np.mean([(a != b).mean() for a, b in pairs]))
    ratio(benchmark, lambda: all_of(True), lambda: all_of(False))
