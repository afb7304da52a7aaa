"""Networks small enough for a test, and a batch of random key frames for them."""

from collections.abc import Callable

import pytest
import torch
from tiny_runs import tiny_run

from labeldistill.config.study import RunSettings
from labeldistill.data.batch import Batch, CameraMatrices

MakeRun = Callable[..., RunSettings]


@pytest.fixture
def make_run() -> MakeRun:
    return tiny_run


@pytest.fixture
def batch() -> Batch:
    return make_batch()


def make_batch(samples: int = 2, frames: int = 3, cameras: int = 2) -> Batch:
    generator = torch.Generator().manual_seed(7)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    boxes = []
    for _ in range(samples):
        b = drawn(6, 9)
        b[:, :2] = b[:, :2] * 20 - 10
        b[:, 3:6] = b[:, 3:6] * 3 + 1
        b[:, 6] = b[:, 6] * 6 - 3
        boxes.append(b)
    points = drawn(samples, 400, 5) * torch.tensor([24.0, 24.0, 4.0, 255.0, 0.5])
    points[..., :3] -= torch.tensor([12.0, 12.0, 3.0])
    depth = drawn(samples, cameras, 32, 64) * 14
    return Batch(
        images=torch.randn(samples, frames, cameras, 3, 32, 64, generator=generator),
        cameras=_cameras(samples, frames, cameras),
        depth=torch.where(drawn(samples, cameras, 32, 64) < 0.05, depth, 0.0),
        points=points,
        boxes=boxes,
        labels=[torch.randint(0, 10, (6,), generator=generator) for _ in range(samples)],
        tokens=[f"token{i}" for i in range(samples)],
    )


def _cameras(samples: int, frames: int, cameras: int) -> CameraMatrices:
    """Cameras 1.5 m above the ground that look along +x and -x."""
    intrinsics = torch.tensor([[40.0, 0, 32, 0], [0, 40, 16, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    forward = torch.tensor([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 1.5], [0, 0, 0, 1]])
    backward = torch.tensor([[0.0, 0, -1, 0], [1, 0, 0, 0], [0, -1, 0, 1.5], [0, 0, 0, 1]])
    poses = torch.stack([(forward, backward)[n % 2] for n in range(cameras)])
    size = (samples, frames, cameras, 4, 4)
    eye = torch.eye(4)
    return CameraMatrices(
        poses.expand(size).clone(), intrinsics.expand(size).clone(), eye.expand(size).clone(), eye.repeat(samples, 1, 1)
    )
