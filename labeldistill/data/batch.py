"""What a dataset gives to a model: one batch of key frames as tensors, with their axes and units."""

from dataclasses import dataclass, field, fields, replace

import torch
from torch import Tensor


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

    def to(self, device: torch.device) -> "CameraMatrices":
        """Move every matrix to `device`."""
        return CameraMatrices(*(getattr(self, f.name).to(device) for f in fields(self)))


@dataclass(frozen=True)
class Batch:
    """B key frames. Parts that the settings do not need are None.

    Attributes:
        images: [B, F, N, 3, H, W] normalised images, key frame first.
        cameras: the matrices of these images.
        depth: [B, N, H, W] LiDAR depth of the key frame in metres, 0 where there is no point.
        points: [B, P, 5] x, y, z (ego frame, metres, augmented), intensity 0-255, time lag in seconds
            (key frame - sweep); shorter clouds are padded with rows of -999.
        boxes: B tensors [n, 9]: x, y, z (centre, metres), dx (length), dy (width), dz (height), yaw (radians,
            counter-clockwise from +x), vx, vy (m/s); augmented ego frame.
        labels: B tensors [n] of class indices into `geometry.classes.CLASSES`, int64.
        tokens: B sample tokens.
        ego2global: [B, 4, 4] float64, takes a decoded box back to nuScenes' global frame (no augmentation).
    """

    images: Tensor | None
    cameras: CameraMatrices | None
    depth: Tensor | None
    points: Tensor | None
    boxes: list[Tensor]
    labels: list[Tensor]
    tokens: list[str]
    ego2global: Tensor = field(default_factory=lambda: torch.empty(0, 4, 4, dtype=torch.float64))

    def __len__(self) -> int:
        return len(self.tokens)

    def to(self, device: torch.device) -> "Batch":
        """Move every tensor that models use to `device`; tokens and `ego2global` stay on the CPU."""

        def moved(value: Tensor | None) -> Tensor | None:
            return None if value is None else value.to(device, non_blocking=True)

        return replace(
            self,
            images=moved(self.images),
            cameras=None if self.cameras is None else self.cameras.to(device),
            depth=moved(self.depth),
            points=moved(self.points),
            boxes=[b.to(device) for b in self.boxes],
            labels=[b.to(device) for b in self.labels],
        )
