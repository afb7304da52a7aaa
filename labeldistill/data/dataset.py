"""Key frames of a split as items and batches. Random draws of an item depend only on (seed, epoch, index)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import MT19937, RandomState, SeedSequence
from PIL import Image
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from labeldistill.config.study import RunSettings
from labeldistill.data.augmentation import (
    BevAugmentation,
    ImageAugmentation,
    centre_crop,
    draw_bev_augmentation,
    draw_image_augmentation,
)
from labeldistill.data.batch import Batch, CameraMatrices
from labeldistill.data.clouds import key_frame_cloud
from labeldistill.data.depth_maps import depth_map
from labeldistill.data.ground_truth import key_frame_boxes
from labeldistill.data.images import Normalisation, augmented
from labeldistill.data.infos import Infos
from labeldistill.data.loading import LoadingOptions
from labeldistill.data.poses import intrinsics, key_ego_pose, sensor_to_key_ego
from labeldistill.geometry.frames import Array, pose_matrix
from labeldistill.nuscenes.sensor_files import read_image

PADDING = -999.0
"""Padding of shorter clouds in a batch; lies outside of every voxel grid."""


@dataclass(frozen=True)
class Item:
    """One key frame; fields as in `Batch`, without the batch axis. `levels` is the same for all of a dataset."""

    images: Tensor | None
    cameras: CameraMatrices | None
    depth: Tensor | None
    points: Tensor | None
    boxes: Tensor
    labels: Tensor
    token: str
    ego2global: Tensor
    levels: Tensor | None = None


class KeyFrameDataset(Dataset[Item]):
    """Key frames of a split, loaded as one run needs them.

    Args:
        infos: an opened index.
        run: settings of the run; its stage, terms and switches decide what is loaded and how.
        split: `train`, `val` or `tuning`.
        training: augment, and load depth and points where the terms need them.
        cache_images: keep decoded images in memory (in each worker process); for small data only.
        options: used instead of those that follow from `run` and `training`.

    Raises:
        InputError: from an item, naming a file that is missing, truncated or not an image.
    """

    def __init__(
        self,
        infos: Infos,
        run: RunSettings,
        split: str,
        training: bool,
        *,
        cache_images: bool = False,
        options: LoadingOptions | None = None,
    ) -> None:
        self.infos, self.seed = infos, run.seed
        self.options = options or LoadingOptions.from_settings(run, training=training)
        self.rows = infos.split(split)
        self._cache: dict[int, Image.Image] | None = {} if cache_images else None
        self._normalisation = (
            None if self.options.image is None else Normalisation(self.options.image, bgr=self.options.bgr)
        )

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def tokens(self) -> list[str]:
        """Sample tokens in index order."""
        return [str(token) for token in self.infos.samples.token.take(self.rows).to_pylist()]

    def __getitem__(self, index: int) -> Item:
        return self.item(0, index)

    def item(self, epoch: int, index: int, draw: int | None = None) -> Item:
        """Item `index` as augmented in `epoch`, with its own draws or those of item `draw`."""
        # RandomState as in the release: a Generator draws other numbers.
        seeds = SeedSequence([self.seed, epoch, index if draw is None else draw])
        return self.load(index, RandomState(MT19937(seeds)))

    def load(self, index: int, rng: RandomState) -> Item:
        """Item `index` with draws from `rng`, which advances by the released number of draws."""
        sample, options = int(self.rows[index]), self.options
        changes = self.image_augmentations(index, rng) if options.images else []
        bev = draw_bev_augmentation(options.bev, rng) if options.training else BevAugmentation()
        images = depth = cameras = points = None
        if options.images:
            frames = [self.infos.cameras_of(row) for row in self._frame_rows(sample)]
            images = self._images(frames, changes)
            depth = self._depth(frames[0], changes) if options.depth else None
            cameras = self._matrices(frames, sample, changes, bev)
        if options.points:
            points = torch.from_numpy(key_frame_cloud(self.infos, sample, options, bev.matrix.numpy(), rng))
        ego_pose = self._ego_pose(sample)
        boxes, labels = key_frame_boxes(self.infos, sample, options, ego_pose, bev)
        ego2global = torch.from_numpy(pose_matrix(*ego_pose))
        token = self.infos.samples.token[sample].as_py()
        levels = None if self._normalisation is None else self._normalisation.levels
        return Item(images, cameras, depth, points, boxes, labels, token, ego2global, levels)

    def image_augmentations(self, index: int, rng: RandomState) -> list[ImageAugmentation]:
        """Augmentation of each camera of item `index`; in training drawn from `rng`, camera by camera."""
        settings = self.options.image
        assert settings is not None, "asked for images without image settings"
        rows = self.infos.cameras_of(int(self.rows[index]))
        sizes = [(int(height), int(width)) for height, width in self.infos.cameras.size_px[rows]]
        if self.options.training:
            return [draw_image_augmentation(settings, size, rng) for size in sizes]
        return [centre_crop(settings, size) for size in sizes]

    def _frame_rows(self, sample: int) -> list[int]:
        """Samples of the item's frames; one before the start of the scene is replaced (see `repeat_current`)."""
        order, rows, last = int(self.infos.samples.order[sample]), [], sample
        for offset in self.options.frame_offsets:
            there = order + offset >= 0
            rows.append(sample + offset if there else (sample if self.options.repeat_current else last))
            last = sample + offset if there else last
        return rows

    def _images(self, frames: list[slice], changes: list[ImageAugmentation]) -> Tensor:
        assert self.options.image is not None
        assert self._normalisation is not None
        out = np.empty((len(frames), len(changes), 3, *self.options.image.size_px), dtype=np.uint8)
        done: dict[int, tuple[int, int]] = {}
        for f, rows in enumerate(frames):
            for n, row in enumerate(range(rows.start, rows.stop)):
                if row in done:  # a frame that replaces a missing one
                    out[f, n] = out[done[row]]
                    continue
                crop_only = self.options.image.resize == "crop"
                out[f, n] = self._normalisation.ordered(augmented(self._image(row), changes[n], crop_only=crop_only))
                done[row] = (f, n)
        return torch.from_numpy(out)

    def _image(self, row: int) -> Image.Image:
        if self._cache is not None and row in self._cache:
            return self._cache[row]
        image = read_image(self.infos.dataroot / self.infos.cameras.file[row].as_py())
        if self._cache is not None:
            self._cache[row] = image
        return image

    def _depth(self, rows: slice, changes: list[ImageAugmentation]) -> Tensor:
        assert self.options.image is not None
        size, released = self.options.image.size_px, self.options.released_depth_pixels
        maps = [
            depth_map(self.infos.depth_points(row), change, size, released_pixels=released)
            for row, change in zip(range(rows.start, rows.stop), changes, strict=True)
        ]
        return torch.from_numpy(np.stack(maps))

    def _matrices(
        self, frames: list[slice], sample: int, changes: list[ImageAugmentation], bev: BevAugmentation
    ) -> CameraMatrices:
        options, columns = self.options, self.infos.cameras
        key_ego = None if options.mean_camera_pose else pose_matrix(*self._ego_pose(sample))
        ida = torch.from_numpy(np.stack([change.matrix for change in changes]))
        bda = torch.eye(4)
        bda[:3, :3] = bev.matrix
        return CameraMatrices(
            sensor2ego=sensor_to_key_ego(columns, frames, key_ego, float32=options.float32_global),
            intrinsics=intrinsics(columns, frames),
            ida=ida.repeat(len(frames), 1, 1, 1),
            bda=bda,
        )

    def _ego_pose(self, sample: int) -> tuple[Array, Array]:
        infos, mean = self.infos, self.options.mean_camera_pose
        key = infos.sweeps_of(sample).start
        return key_ego_pose(infos.cameras, infos.cameras_of(sample), infos.sweeps, key, mean_camera_pose=mean)

    @staticmethod
    def collate(items: Sequence[Item]) -> Batch:
        """Batch of items of one dataset; clouds are padded with rows of -999."""
        cameras = [item.cameras for item in items if item.cameras is not None]
        clouds = [item.points for item in items if item.points is not None]
        return Batch(
            images=_stacked([item.images for item in items]),
            cameras=_collated(cameras) if cameras else None,
            depth=_stacked([item.depth for item in items]),
            points=pad_sequence(clouds, batch_first=True, padding_value=PADDING) if clouds else None,
            boxes=[item.boxes for item in items],
            labels=[item.labels for item in items],
            tokens=[item.token for item in items],
            ego2global=torch.stack([item.ego2global for item in items]),
            levels=items[0].levels,
        )


def _collated(parts: list[CameraMatrices]) -> CameraMatrices:
    names = ("sensor2ego", "intrinsics", "ida", "bda")
    return CameraMatrices(*(torch.stack([getattr(part, name) for part in parts]) for name in names))


def _stacked(parts: list[Tensor | None]) -> Tensor | None:
    present = [part for part in parts if part is not None]
    return torch.stack(present) if present else None
