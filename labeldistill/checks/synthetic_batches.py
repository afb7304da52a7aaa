"""Key frames of random numbers with a run's shapes, for checks that need a batch but no data set."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from torch import Tensor

from labeldistill.config.data import CAMERAS
from labeldistill.config.study import RunSettings
from labeldistill.data.batch import Batch, CameraMatrices
from labeldistill.data.loading import LoadingOptions
from labeldistill.training.seeding import derived_seed

Array = NDArray[Any]

SAMPLES = 16
BOXES = 12
POINTS = 5_000
DEPTH_COVER = 0.03
"""Share of pixels with a LiDAR point, as in nuScenes by order of magnitude."""


class SyntheticItems:
    """A training split of noise: images, depth maps, points and boxes where the run's terms want them.

    An item is a batch of one; its content depends only on (seed, epoch, index), as in a real split.
    """

    def __init__(self, run: RunSettings, samples: int = SAMPLES, *, training: bool = True) -> None:
        self.run, self.samples = run, samples
        self.options = LoadingOptions.from_settings(run, training=training)

    def __len__(self) -> int:
        return self.samples

    def item(self, epoch: int, index: int, draw: int | None = None) -> Batch:
        """Key frame `index` as drawn in `epoch`; nothing is augmented, so that `draw` makes no difference."""
        rng = default_rng(derived_seed(self.run.seed, "made up", epoch, index))
        boxes, labels = self._boxes(rng)
        images = cameras = depth = None
        if self.options.images:
            assert self.options.image is not None
            height, width = self.options.image.size_px
            frames, views = len(self.options.frame_offsets), len(CAMERAS)
            images = _tensor(rng.standard_normal((1, frames, views, 3, height, width), dtype=np.float32))
            cameras = _cameras(frames, height, width)
            if self.options.depth:
                depth = _tensor(self._depth(rng, (1, views, height, width)))
        points = _tensor(self._points(rng)[None]) if self.options.points else None
        return Batch(images, cameras, depth, points, [boxes], [labels], [f"synthetic-{epoch}-{index}"])

    def collate(self, items: Sequence[Batch]) -> Batch:
        """Combine batches of one into one batch."""
        cameras = [item.cameras for item in items if item.cameras is not None]
        return Batch(
            images=_joined([item.images for item in items]),
            cameras=_joined_cameras(cameras) if cameras else None,
            depth=_joined([item.depth for item in items]),
            points=_joined([item.points for item in items]),
            boxes=[box for item in items for box in item.boxes],
            labels=[label for item in items for label in item.labels],
            tokens=[token for item in items for token in item.tokens],
        )

    def _place(self, rng: Generator, count: int) -> Array:
        """[count, 2] x, y within the grid, metres."""
        (x0, x1, _), (y0, y1, _) = self.run.grid.x_m, self.run.grid.y_m
        return rng.uniform((x0, y0), (x1, y1), (count, 2))

    def _boxes(self, rng: Generator) -> tuple[Tensor, Tensor]:
        upright = np.column_stack([rng.uniform(-2, 1, BOXES), rng.uniform(1, 5, (BOXES, 3))])
        heading = np.column_stack([rng.uniform(-np.pi, np.pi, BOXES), rng.uniform(-5, 5, (BOXES, 2))])
        boxes = np.column_stack([self._place(rng, BOXES), upright, heading])
        return _tensor(boxes), torch.from_numpy(rng.integers(0, 10, BOXES))

    def _points(self, rng: Generator) -> Array:
        low, high = self.run.grid.z_m[:2]
        rest = rng.uniform((low, 0, 0), (high, 255, 0.5), (POINTS, 3))
        return np.column_stack([self._place(rng, POINTS), rest])

    def _depth(self, rng: Generator, shape: tuple[int, ...]) -> Array:
        assert self.run.student is not None
        near, far, _ = self.run.student.depth_m
        seen = rng.random(shape, dtype=np.float32) < DEPTH_COVER
        return np.where(seen, rng.uniform(near, far, shape), 0.0)


def _tensor(values: Array) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))


def _cameras(frames: int, height: int, width: int) -> CameraMatrices:
    """Six cameras 1.5 m above the ground that look in all directions, 60 degrees apart."""
    views = len(CAMERAS)
    intrinsics = torch.eye(4)
    intrinsics[0, 0] = intrinsics[1, 1] = 0.8 * width
    intrinsics[0, 2], intrinsics[1, 2] = width / 2, height / 2
    poses = torch.eye(4).repeat(views, 1, 1)
    for number in range(views):
        c, s = np.cos(2 * np.pi * number / views), np.sin(2 * np.pi * number / views)
        # columns: the camera's right, down and forward in the ego frame (x forward, y left, z up)
        poses[number, :3, :3] = torch.tensor([[s, 0.0, c], [-c, 0.0, s], [0.0, -1.0, 0.0]])
        poses[number, 2, 3] = 1.5
    size = (1, frames, views, 4, 4)
    eye = torch.eye(4)
    return CameraMatrices(
        poses.expand(size).clone(), intrinsics.expand(size).clone(), eye.expand(size).clone(), eye[None].clone()
    )


def _joined(parts: Sequence[Tensor | None]) -> Tensor | None:
    present = [part for part in parts if part is not None]
    return torch.cat(present) if present else None


def _joined_cameras(parts: Sequence[CameraMatrices]) -> CameraMatrices:
    names = ("sensor2ego", "intrinsics", "ida", "bda")
    return CameraMatrices(*(torch.cat([getattr(part, name) for part in parts]) for name in names))
