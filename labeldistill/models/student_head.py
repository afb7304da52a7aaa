"""The student's BEV half: ResNet trunk, pyramid and centre head (BEVDepth's head, LabelDistill's KDHead)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from labeldistill.geometry.classes import TASKS
from labeldistill.models.centre_head.head import CentreHead, HeadOutput, predict_tasks
from labeldistill.models.resnet import ResNet, stage_channels
from labeldistill.models.second_fpn import SecondFpn

TRUNK_STRIDES = (1, 2, 2)
NECK_UPSAMPLE = (1, 2, 4, 8)


class StudentHead(nn.Module):
    """From the BEV maps of all frames to the predictions of six tasks.

    Parameters are named as in the released head: `trunk`, `neck`, `shared_conv`, `task_heads`.

    Args:
        in_channels: channels of the BEV maps of all frames, concatenated.
        trunk_depth: ResNet depth of the trunk.
        trunk_base_channels: width of the trunk's first stage.
        neck_channels: channels that each scale (the input and three trunk stages) contributes to the pyramid.
        shared_channels: channels after the head's shared convolution.
        branch_channels: channels inside a branch of the head.
        heatmap_bias: see CentreHead; None as in the release.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        trunk_depth: int,
        trunk_base_channels: int,
        neck_channels: Sequence[int],
        shared_channels: int = 64,
        branch_channels: int = 64,
        heatmap_bias: float | None = None,
    ) -> None:
        super().__init__()
        head = CentreHead(sum(neck_channels), shared_channels, branch_channels, TASKS, heatmap_bias)
        self.shared_conv, self.task_heads = head.shared_conv, head.task_heads
        self.trunk = ResNet(
            trunk_depth,
            in_channels=in_channels,
            base_channels=trunk_base_channels,
            strides=TRUNK_STRIDES,
            out_indices=range(len(TRUNK_STRIDES)),
            max_pool=False,
        )
        widths = stage_channels(trunk_depth, trunk_base_channels, len(TRUNK_STRIDES))
        self.neck = SecondFpn([in_channels, *widths], neck_channels, NECK_UPSAMPLE)

    def forward(self, x: Tensor) -> tuple[HeadOutput, list[Tensor]]:
        """[B, in_channels, H, W] (rows y, columns x; float32 throughout, also under mixed precision).

        Returns:
            predictions: one dict of [B, ., H, W] maps per task.
            features: [the input, the trunk's first stage at half resolution], what distillation compares.
        """
        with torch.autocast(x.device.type, enabled=False):
            scales = [x.float()]
            scales += self.trunk(scales[0])
            return predict_tasks(self.shared_conv, self.task_heads, self.neck(scales)), scales[:2]
