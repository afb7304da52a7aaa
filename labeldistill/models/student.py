"""The camera student: BEVDepth with the released widths. Inference needs nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from labeldistill.config.grid import GridSettings
from labeldistill.config.model import StudentSettings
from labeldistill.config.study import RunSettings
from labeldistill.data.batch import CameraMatrices
from labeldistill.errors import InputError
from labeldistill.models.camera_backbone import CameraBackbone, CameraShape, CameraSwitches
from labeldistill.models.centre_head.head import HeadOutput
from labeldistill.models.student_head import StudentHead

HEATMAP_BIAS = -2.19
"""Logit of probability 0.1, CenterPoint's initial heatmap (corrected value of switch `head_bias`)."""


@dataclass(frozen=True)
class StudentOutput:
    """The student's predictions, and the features that distillation compares.

    Attributes:
        predictions: one dict of [B, ., Y, X] maps per task.
        features: the BEV maps of all frames [B, F * bev_channels, Y, X] (frame order, only the key frame's carries
            gradient) and the trunk's first stage [B, trunk_base_channels, Y / 2, X / 2].
        depth: [B * N, D, h, w] depth probabilities of the key frame, float32.
    """

    predictions: HeadOutput
    features: list[Tensor]
    depth: Tensor


class CameraStudent(nn.Module):
    """Camera branch (`backbone`) and BEV half (`head`), named as in the released `BaseBEVDepth`.

    Args:
        grid: the BEV grid.
        settings: widths, image size, frames, depth bins.
        switches: those of the camera branch; None: as released.
        heatmap_bias: None as released, HEATMAP_BIAS as corrected (switch `head_bias`).
    """

    def __init__(
        self,
        grid: GridSettings,
        settings: StudentSettings,
        *,
        switches: CameraSwitches | None = None,
        heatmap_bias: float | None = None,
    ) -> None:
        super().__init__()
        self.frames = len(settings.frame_offsets)
        shape = CameraShape(
            grid_m=(grid.x_m, grid.y_m, grid.z_m),
            depth_m=settings.depth_m,
            image_size_px=settings.image.size_px,
            stride=settings.stride,
            backbone_depth=settings.backbone_depth,
            backbone_base_channels=settings.backbone_base_channels,
            backbone_frozen_stages=settings.backbone_frozen_stages,
            neck_channels=settings.neck_channels,
            neck_upsample=settings.neck_upsample,
            depth_net_channels=settings.depth_net_channels,
            depth_net_aspp=settings.depth_net_aspp,
            depth_net_deformable=settings.depth_net_deformable,
            bev_channels=settings.bev_channels,
            switches=switches or CameraSwitches(),
        )
        self.backbone = CameraBackbone(shape)
        self.head = StudentHead(
            settings.bev_channels * self.frames,
            trunk_depth=settings.trunk_depth,
            trunk_base_channels=settings.trunk_base_channels,
            neck_channels=settings.bev_neck_channels,
            shared_channels=settings.head.shared_channels,
            branch_channels=settings.head.branch_channels,
            heatmap_bias=heatmap_bias,
        )

    @classmethod
    def from_settings(cls, run: RunSettings) -> "CameraStudent":
        """Build the student of a run with its switches.

        Raises:
            InputError: the run has no student.
        """
        if run.student is None:
            raise InputError(f"a {run.stage} run without a student", key="student")
        return cls(
            run.grid,
            run.student,
            switches=CameraSwitches.from_run(run),
            heatmap_bias=None if run.released("head_bias") else HEATMAP_BIAS,
        )

    def forward(self, images: Tensor, cameras: CameraMatrices, voxels: Sequence[Tensor] | None = None) -> StudentOutput:
        """Compute the student's predictions and features.

        Args:
            images: [B, F, N, 3, H, W] normalised, key frame first.
            cameras: their matrices.
            voxels: see CameraBackbone; for comparisons with recorded runs.

        Raises:
            ValueError: a number of frames or an image size that the student was not built for.
        """
        if images.shape[1] != self.frames:
            raise ValueError(f"the student sees {self.frames} frames, the batch has {images.shape[1]}")
        bev, depth = self.backbone(images, cameras, voxels)
        predictions, features = self.head(bev)
        return StudentOutput(predictions, features, depth)
