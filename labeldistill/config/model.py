"""Settings of the networks: camera student, LiDAR teacher, label encoder, centre head."""

from typing import Literal

from pydantic import Field, model_validator

from labeldistill.config.base import Settings

RANDOM = "random"
"""In place of a file of start weights: a run that is to start from random ones says so by this name."""


class HeadSettings(Settings):
    """Centre head of six tasks: losses, targets, decoding."""

    shared_channels: int = 64
    branch_channels: int = 64
    code_weights: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    """Loss weights of x, y offset, z, log dx, dy, dz, sin, cos, vx, vy."""
    box_loss_weight: float = 0.25
    gaussian_overlap: float = 0.1
    min_gaussian_radius: int = 2
    max_objects: int = 500
    score_threshold: float = 0.1
    max_detections: int = 500
    circle_nms_radius: tuple[float, ...] = (4, 12, 10, 1, 0.85, 0.175)
    """One per task; compared with the SQUARED distance under the released switch `nms_distance`."""
    max_per_task: int = 83


class ImageSettings(Settings):
    """Network input image and its augmentation."""

    size_px: tuple[int, int] = (256, 704)
    resize_range: tuple[float, float] = (0.386, 0.55)
    """Scale drawn in training, relative to the ORIGINAL image."""
    rotation_deg: tuple[float, float] = (-5.4, 5.4)
    flip: bool = True
    crop_bottom_range: tuple[float, float] = (0.0, 0.0)
    resize: Literal["whole", "crop"] = "whole"
    """As released the whole image is resized and then cropped; `crop` resizes only what the crop keeps, which is
    faster and differs in a few pixels of 10,000. A deviation that has to be declared, not one of the switches."""
    mean: tuple[float, float, float] = (123.675, 116.28, 103.53)
    std: tuple[float, float, float] = (58.395, 57.12, 57.375)
    """Per channel in R, G, B order, for pixel values of 0-255."""


class BevAugmentationSettings(Settings):
    """Augmentation of the BEV plane, applied alike to boxes, points and the view transform."""

    rotation_deg: tuple[float, float] = (-22.5, 22.5)
    scale: tuple[float, float] = (0.95, 1.05)
    flip_x_probability: float = 0.5
    flip_y_probability: float = 0.5


class StudentSettings(Settings):
    """BEVDepth with the layer widths of the release."""

    image: ImageSettings = ImageSettings()
    frame_offsets: tuple[int, ...] = (0, -2, -4)
    """Key frames that are read, relative to the current one, in the order of concatenation."""
    backbone_depth: int = 50
    """ResNet depth: 18, 34, 50, 101."""
    backbone_base_channels: int = 64
    backbone_frozen_stages: int = 0
    pretrained_backbone: str | None = None
    """What the image backbone starts from: a file made by `labeldistill weights import`, or `random`. A study that says
    neither can't be trained."""
    pretrained: str = RANDOM
    """What the whole student starts from: weights of a finished student of the same networks, or `random`, as in the
    release. Networks that only distillation has start from random weights either way."""
    neck_channels: tuple[int, int, int, int] = (128, 128, 128, 128)
    neck_upsample: tuple[float, float, float, float] = (0.25, 0.5, 1, 2)
    """(0.25, 0.5, 1, 2) gives stride 16; (0.5, 1, 2, 4) gives stride 8."""
    depth_m: tuple[float, float, float] = (2.0, 58.0, 0.5)
    depth_net_channels: int = 512
    depth_net_deformable: bool = True
    depth_net_aspp: bool = True
    bev_channels: int = 150
    """Channels of one frame's BEV map."""
    trunk_depth: int = 18
    trunk_base_channels: int = 300
    bev_neck_channels: tuple[int, int, int, int] = (64, 64, 64, 64)
    head: HeadSettings = HeadSettings()

    @property
    def stride(self) -> int:
        """Pixels of the input image per feature cell (the backbone's first scale is at stride 4)."""
        return round(4 / self.neck_upsample[0])

    @model_validator(mode="after")
    def _consistent(self) -> "StudentSettings":
        if self.frame_offsets[:1] != (0,):
            raise ValueError("`frame_offsets` must start with 0, the current key frame")
        if any(o >= 0 for o in self.frame_offsets[1:]):
            raise ValueError("`frame_offsets` after the first must be negative (past key frames)")
        if not all(0 < factor < float("inf") for factor in self.neck_upsample):
            raise ValueError(f"`neck_upsample` {self.neck_upsample} must be positive")
        if any(side % 32 for side in self.image.size_px) and self.stride >= 16:
            raise ValueError(f"`image.size_px` {self.image.size_px} must be multiples of 32")
        if any(side % 16 for side in self.image.size_px):
            raise ValueError(f"`image.size_px` {self.image.size_px} must be multiples of 16")
        if self.pretrained_backbone == RANDOM and self.backbone_frozen_stages >= 0:
            raise ValueError(
                f"`backbone_frozen_stages` {self.backbone_frozen_stages} freezes random weights: they would never "
                "learn; -1 freezes nothing"
            )
        return self


class TeacherSettings(Settings):
    """CenterPoint: hard voxelisation, sparse 3D encoder, SECOND, FPN, centre head."""

    pretrained: str | None = None
    """What is fine-tuned: a file made by `labeldistill weights import`, or `random`. A study that says neither can't be
    trained."""
    voxel_m: tuple[float, float, float] = (0.1, 0.1, 0.2)
    z_range_m: tuple[float, float] = (-5.0, 3.0)
    max_points_per_voxel: int = 10
    max_voxels: tuple[int, int] = (90000, 120000)
    """In training mode and in evaluation mode."""
    point_scale: tuple[float, float, float, float, float] = (1.0, 1.0, 1.0, 1.0, 1.0)
    """Factors on a voxel's x, y, z, intensity and time lag before the encoder. The release has none: with
    intensities of 0-255 beside lags of 0.05 s, a short training never learns the lag, nor velocity from it."""
    encoder_channels: tuple[tuple[int, ...], ...] = ((16, 16, 32), (32, 32, 64), (64, 64, 128), (128, 128))
    encoder_output_channels: int = 128
    second_channels: tuple[int, int] = (128, 256)
    second_layers: tuple[int, int] = (5, 5)
    neck_channels: tuple[int, int] = (256, 256)
    head: HeadSettings = HeadSettings(code_weights=(1, 1, 1, 1, 1, 1, 1, 1, 0.5, 0.5))


class LabelEncoderSettings(Settings):
    """The MLP-and-convolution inverse of the teacher's head; output channels follow the teacher's SECOND scales."""

    pretrained: str = RANDOM
    """What its training starts from: weights of a finished label encoder, or `random`, as in the release."""
    hidden_channels: int = 256
    head: HeadSettings = HeadSettings(code_weights=(1, 1, 1, 1, 1, 1, 1, 1, 0.5, 0.5))


class DistillationSettings(Settings):
    """How features are partitioned and compared."""

    partition: dict[str, float] = Field(default={"label": 1 / 3, "lidar": 1 / 3, "free": 1 / 3})
    """Share of channels in each group, in the order label, LiDAR, free; products are rounded down, the rest is free.
    Shares of 1, 1 and 0 are not a partition: both groups are all channels."""

    @model_validator(mode="after")
    def _shares(self) -> "DistillationSettings":
        if set(self.partition) != {"label", "lidar", "free"} or any(v < 0 for v in self.partition.values()):
            raise ValueError("`partition` needs the shares `label`, `lidar` and `free`, none negative")
        undivided = self.partition == {"label": 1, "lidar": 1, "free": 0}
        if not undivided and abs(sum(self.partition.values()) - 1) > 1e-6:
            raise ValueError(f"`partition` shares must add to 1, got {sum(self.partition.values()):.4f}")
        return self
