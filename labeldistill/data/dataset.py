"""Key frames of a split as items and batches. The draws of an item depend on (seed, epoch, index) and nothing else."""

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
from labeldistill.data.depth_maps import depth_map
from labeldistill.data.images import Normalisation, augmented
from labeldistill.data.infos import Infos
from labeldistill.data.loading import LoadingRules
from labeldistill.data.points import LidarPose, capped, in_key_frame, within
from labeldistill.data.poses import intrinsics, key_ego_pose, sensor_to_key_ego
from labeldistill.geometry.boxes import BOX_SIZE, global_to_ego
from labeldistill.geometry.frames import Array, pose_matrix
from labeldistill.nuscenes.sensor_files import read_cloud, read_image

PADDING = -999.0
"""Fills the rows of shorter clouds in a batch; outside of every voxel grid."""


@dataclass(frozen=True)
class Item:
    """One key frame; fields as in `Batch`, without the batch axis."""

    images: Tensor | None
    cameras: CameraMatrices | None
    depth: Tensor | None
    points: Tensor | None
    boxes: Tensor
    labels: Tensor
    token: str
    ego2global: Tensor


class KeyFrameDataset(Dataset[Item]):
    """Key frames of a split, loaded as one run needs them.

    Args:
        infos: an opened index.
        run: settings of the run; its stage, terms and switches decide what is loaded and how.
        split: `train`, `val` or `tuning`.
        training: augmentation on, and depth and points where the terms need them.
        cache_images: keep decoded images in memory (per worker process); for small data only.
        rules: overrides what follows from `run` and `training`.

    Raises:
        InputError: from an item, when a file is missing, truncated or no image; names it.
    """

    def __init__(
        self,
        infos: Infos,
        run: RunSettings,
        split: str,
        training: bool,
        *,
        cache_images: bool = False,
        rules: LoadingRules | None = None,
    ) -> None:
        self.infos, self.seed = infos, run.seed
        self.rules = rules or LoadingRules.from_settings(run, training=training)
        self.rows = infos.split(split)
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # seen by worker processes that stay alive
        self._cache: dict[int, Image.Image] | None = {} if cache_images else None
        self._normalise = None if self.rules.image is None else Normalisation(self.rules.image, bgr=self.rules.bgr)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def tokens(self) -> list[str]:
        """Sample tokens in index order."""
        return [str(token) for token in self.infos.samples.token.take(self.rows).to_pylist()]

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose draws the next items get."""
        self._epoch.fill_(epoch)

    def __getitem__(self, index: int) -> Item:
        # A RandomState because the released draws are its; a Generator's differ.
        seeds = SeedSequence([self.seed, int(self._epoch), index])
        return self.load(index, RandomState(MT19937(seeds)))

    def load(self, index: int, rng: RandomState) -> Item:
        """Item `index` under the draws of `rng`, which moves on by the released number of draws."""
        sample, rules = int(self.rows[index]), self.rules
        frames = [self.infos.cameras_of(row) for row in self._frame_rows(sample)]
        images = depth = cameras = points = None
        if rules.images:
            changes = self._image_augmentations(frames[0], rng)
            images = self._images(frames, changes)
            depth = self._depth(frames[0], changes) if rules.depth else None
        bev = draw_bev_augmentation(rules.bev, rng) if rules.training else BevAugmentation()
        if rules.images:
            cameras = self._matrices(frames, sample, changes, bev)
        if rules.points:
            points = torch.from_numpy(self._points(sample, bev, rng))
        rotation, translation = self._ego_pose(sample)
        boxes, labels = self._boxes(sample, rotation, translation, bev)
        ego2global = torch.from_numpy(pose_matrix(rotation, translation))
        token = self.infos.samples.token[sample].as_py()
        return Item(images, cameras, depth, points, boxes, labels, token, ego2global)

    def _frame_rows(self, sample: int) -> list[int]:
        """Samples of the item's frames; one that lies before the scene's start is replaced (see `repeat_current`)."""
        order, rows, last = int(self.infos.samples.order[sample]), [], sample
        for offset in self.rules.frame_offsets:
            there = order + offset >= 0
            rows.append(sample + offset if there else (sample if self.rules.repeat_current else last))
            last = sample + offset if there else last
        return rows

    def _image_augmentations(self, rows: slice, rng: RandomState) -> list[ImageAugmentation]:
        settings = self.rules.image
        assert settings is not None
        sizes = [(int(h), int(w)) for h, w in self.infos.cameras.size_px[rows]]
        if self.rules.training:
            return [draw_image_augmentation(settings, size, rng) for size in sizes]
        return [centre_crop(settings, size) for size in sizes]

    def _images(self, frames: list[slice], changes: list[ImageAugmentation]) -> Tensor:
        assert self.rules.image is not None and self._normalise is not None
        out = np.empty((len(frames), len(changes), 3, *self.rules.image.size_px), dtype=np.float32)
        done: dict[int, tuple[int, int]] = {}
        for f, rows in enumerate(frames):
            for n, row in enumerate(range(rows.start, rows.stop)):
                if row in done:  # a frame that stands in for a missing one
                    out[f, n] = out[done[row]]
                    continue
                self._normalise.into(out[f, n], augmented(self._image(row), changes[n]))
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
        assert self.rules.image is not None
        size, released = self.rules.image.size_px, self.rules.released_depth_pixels
        maps = [
            depth_map(self.infos.depth_points(row), change, size, released_pixels=released)
            for row, change in zip(range(rows.start, rows.stop), changes, strict=True)
        ]
        return torch.from_numpy(np.stack(maps))

    def _matrices(
        self, frames: list[slice], sample: int, changes: list[ImageAugmentation], bev: BevAugmentation
    ) -> CameraMatrices:
        rules, columns = self.rules, self.infos.cameras
        key_ego = None if rules.mean_camera_pose else pose_matrix(*self._ego_pose(sample))
        ida = torch.from_numpy(np.stack([change.matrix() for change in changes]))
        bda = torch.eye(4)
        bda[:3, :3] = bev.matrix()
        return CameraMatrices(
            sensor2ego=sensor_to_key_ego(columns, frames, key_ego, float32=rules.float32_global),
            intrinsics=intrinsics(columns, frames),
            ida=ida.repeat(len(frames), 1, 1, 1),
            bda=bda,
        )

    def _ego_pose(self, sample: int) -> tuple[Array, Array]:
        key = self.infos.sweeps_of(sample).start
        return key_ego_pose(
            self.infos.cameras,
            self.infos.cameras_of(sample),
            self.infos.sweeps,
            key,
            mean_camera_pose=self.rules.mean_camera_pose,
        )

    def _points(
        self, sample: int, bev: BevAugmentation, rng: RandomState
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        infos, rules = self.infos, self.rules
        rows = infos.sweeps_of(sample)
        chosen = rows.start + rules.sweeps.choose(infos.sweeps.slot[rows], infos.sweeps.own[rows])
        clouds: dict[int, np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = {}
        for row in chosen:
            if int(row) not in clouds:  # a lone key cloud is repeated
                clouds[int(row)] = self._cloud(int(row), rows.start)
        points = np.concatenate([clouds[int(row)] for row in chosen])
        matrix = bev.matrix().numpy()
        points[:, :2] = points[:, :2] @ matrix[:2, :2].T
        if rules.scale_lidar_z:
            points[:, 2] *= matrix[2, 2]
        return capped(points, rules.max_points, rng)

    def _cloud(self, row: int, key: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        """Points [n, 5] of a cloud in the key frame's ego frame, with the time lag in seconds."""
        infos, rules = self.infos, self.rules
        sweeps = infos.sweeps
        cloud = within(read_cloud(infos.dataroot / sweeps.file[row].as_py()), rules.max_point_distance_m)
        cloud[:, :3] = in_key_frame(cloud, self._lidar(row), self._lidar(key), float32_global=rules.float32_global)
        cloud[:, 4] = sweeps.timestamp_us[key] / 1e6 - sweeps.timestamp_us[row] / 1e6
        return cloud

    def _lidar(self, row: int) -> LidarPose:
        sweeps = self.infos.sweeps
        return LidarPose(
            sweeps.sensor_rotation[row],
            sweeps.sensor_translation[row],
            sweeps.ego_rotation[row],
            sweeps.ego_translation[row],
        )

    def _boxes(self, sample: int, rotation: Array, translation: Array, bev: BevAugmentation) -> tuple[Tensor, Tensor]:
        rules, rows = self.rules, self.infos.annotations_of(sample)
        table = self.infos.annotations
        points = table.num_lidar_pts[rows] + table.num_radar_pts[rows]
        used = rows.start + np.flatnonzero((table.label[rows] >= 0) & (points >= rules.min_box_points))
        if not rules.boxes or not len(used):
            return torch.zeros(0, BOX_SIZE), torch.zeros(0, dtype=torch.int64)
        velocity = table.velocity[used]
        if rules.zero_unknown_velocity:
            velocity = np.where(np.isnan(velocity).any(axis=1, keepdims=True), 0.0, velocity)
        boxes = global_to_ego(
            table.centre[used], table.wlh[used], table.rotation[used], velocity, rotation, translation
        )
        return bev.of_boxes(torch.from_numpy(boxes).float()), torch.from_numpy(table.label[used])

    @staticmethod
    def collate(items: Sequence[Item]) -> Batch:
        """Batch of items of one dataset; clouds are padded with rows of -999."""
        first = items[0]
        cameras = None
        if first.cameras is not None:
            parts = [item.cameras for item in items if item.cameras is not None]
            names = ("sensor2ego", "intrinsics", "ida", "bda")
            cameras = CameraMatrices(*(torch.stack([getattr(part, name) for part in parts]) for name in names))
        clouds = [item.points for item in items if item.points is not None]
        return Batch(
            images=_stacked([item.images for item in items]),
            cameras=cameras,
            depth=_stacked([item.depth for item in items]),
            points=pad_sequence(clouds, batch_first=True, padding_value=PADDING) if clouds else None,
            boxes=[item.boxes for item in items],
            labels=[item.labels for item in items],
            tokens=[item.token for item in items],
            ego2global=torch.stack([item.ego2global for item in items]),
        )


def _stacked(parts: list[Tensor | None]) -> Tensor | None:
    present = [part for part in parts if part is not None]
    return torch.stack(present) if present else None
