"""What a dataset gives to a model: one batch of key frames as tensors, with their axes and units."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace

import torch
from torch import Tensor

from labeldistill.data.images import normalised

Change = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class CameraMatrices:
    """The 4 x 4 matrices that place a pixel in the BEV grid; F frames (key frame first), N cameras.

    Attributes:
        sensor2ego: [B, F, N, 4, 4] camera of frame f to the ego frame of the KEY frame (ego motion included), metres.
        intrinsics: [B, F, N, 4, 4] pinhole matrix padded to 4 x 4, pixels of the original image.
        ida: [B, F, N, 4, 4] image augmentation: original pixel to network-input pixel.
        bda: [B, 4, 4] BEV augmentation: ego frame to augmented ego frame.
    """

    sensor2ego: Tensor
    intrinsics: Tensor
    ida: Tensor
    bda: Tensor

    def each(self, change: Change) -> "CameraMatrices":
        """Apply `change` to every matrix."""
        return CameraMatrices(*(change(getattr(self, f.name)) for f in fields(self)))


@dataclass(frozen=True)
class Batch:
    """B key frames. Parts that the settings do not need are None.

    Attributes:
        images: [B, F, N, 3, H, W] key frame first; as loaded uint8, on a device (`to`) normalised float32.
        cameras: the matrices of these images.
        depth: [B, N, H, W] LiDAR depth of the key frame in metres, 0 where there is no point.
        points: [B, P, 5] x, y, z (ego frame, metres, augmented), intensity 0-255, time lag in seconds
            (key frame - sweep); shorter clouds are padded with rows of -999.
        boxes: B tensors [n, 9]: x, y, z (centre, metres), dx (length), dy (width), dz (height), yaw (radians,
            counter-clockwise from +x), vx, vy (m/s); augmented ego frame.
        labels: B tensors [n] of class indices into `geometry.classes.CLASSES`, int64.
        tokens: B sample tokens.
        ego2global: [B, 4, 4] float64, takes a decoded box back to nuScenes' global frame (no augmentation).
        levels: [3, 256] normalised value of each pixel value of each channel; None: the images are normalised.
    """

    images: Tensor | None
    cameras: CameraMatrices | None
    depth: Tensor | None
    points: Tensor | None
    boxes: list[Tensor]
    labels: list[Tensor]
    tokens: list[str]
    ego2global: Tensor = field(default_factory=lambda: torch.empty(0, 4, 4, dtype=torch.float64))
    levels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    def to(self, device: torch.device) -> "Batch":
        """Move every tensor that models use to `device` and normalise the images there.

        Tokens and `ego2global` stay on the CPU. From pinned memory nobody waits for the copies.
        """
        moved = self._each(lambda value: value.to(device, non_blocking=True))
        if self.levels is None or moved.images is None:
            return moved
        return replace(moved, images=normalised(moved.images, self.levels), levels=None)

    def pin_memory(self) -> "Batch":
        """The batch in memory from which a GPU copies by itself; DataLoader calls this."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: Change) -> "Batch":
        def changed(value: Tensor | None) -> Tensor | None:
            return None if value is None else change(value)

        return replace(
            self,
            images=changed(self.images),
            cameras=None if self.cameras is None else self.cameras.each(change),
            depth=changed(self.depth),
            points=changed(self.points),
            boxes=[change(b) for b in self.boxes],
            labels=[change(b) for b in self.labels],
        )

    @property
    def nbytes(self) -> int:
        """Bytes of all its tensors, which is what a worker process hands over in shared memory."""
        total = self.ego2global.nbytes

        def counted(value: Tensor) -> Tensor:
            nonlocal total
            total += value.nbytes
            return value

        self._each(counted)
        return total
