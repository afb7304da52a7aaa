"""The camera-aware depth net of BEVDepth: from image features and camera matrices to depth logits and context."""

import torch
from torch import Tensor, nn

from labeldistill.data.batch import CameraMatrices
from labeldistill.models.aspp import Aspp
from labeldistill.models.resnet import BasicBlock
from labeldistill.ops.deform_conv import deform_conv2d

CAMERA_VECTOR = 27
"""fx, fy, cx, cy; six numbers of the image augmentation; five of the BEV augmentation; 3 x 4 of camera to ego."""
DEFORMABLE_GROUPS = 4


def camera_vector(cameras: CameraMatrices, frame: int = 0) -> Tensor:
    """The depth net's description of every camera, [B * N, 27], in raw pixels and metres.

    Args:
        cameras: matrices of all frames.
        frame: the frame to describe; the release uses the key frame for past frames too (`camera_vector_frame`).
    """
    k, ida = cameras.intrinsics[:, frame], cameras.ida[:, frame]
    pose = cameras.sensor2ego[:, frame, :, :3]
    bda = cameras.bda[:, None].expand(-1, k.shape[1], -1, -1)
    parts = [k[..., 0, 0], k[..., 1, 1], k[..., 0, 2], k[..., 1, 2]]
    parts += [ida[..., row, column] for row in (0, 1) for column in (0, 1, 3)]
    parts += [bda[..., 0, 0], bda[..., 0, 1], bda[..., 1, 0], bda[..., 1, 1], bda[..., 2, 2]]
    return torch.cat([torch.stack(parts, -1), pose.flatten(2)], -1).flatten(0, 1)


class Mlp(nn.Module):
    """Linear, ReLU, linear: [.., in_features] -> [.., channels]."""

    def __init__(self, in_features: int, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(in_features, channels)
        self.act = nn.ReLU(inplace=True)
        self.fc2 = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the two layers."""
        return self.fc2(self.act(self.fc1(x)))  # type: ignore[no-any-return]


class CameraGate(nn.Module):
    """Squeeze-and-excitation with gates computed from the camera instead of the map (released `SELayer`)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_reduce = nn.Conv2d(channels, channels, 1)
        self.act1 = nn.ReLU(inplace=True)
        self.conv_expand = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor, camera: Tensor) -> Tensor:
        """Scale x [B, C, H, W] by gates computed from camera [B, C]."""
        gate = self.conv_expand(self.act1(self.conv_reduce(camera[..., None, None])))
        return x * gate.sigmoid()  # type: ignore[no-any-return]


class DeformableConv(nn.Module):
    """3 x 3 deformable convolution that learns its own offsets, which start at zero (mmcv's `DCN`)."""

    def __init__(self, channels: int, groups: int = DEFORMABLE_GROUPS) -> None:
        super().__init__()
        self.groups = groups
        self.weight = nn.Parameter(torch.empty(channels, channels // groups, 3, 3))
        nn.init.kaiming_uniform_(self.weight, nonlinearity="relu")
        self.conv_offset = nn.Conv2d(channels, 18, 3, padding=1)
        nn.init.zeros_(self.conv_offset.weight)
        nn.init.zeros_(self.conv_offset.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H, W]."""
        return deform_conv2d(x, self.conv_offset(x), self.weight, padding=1, groups=self.groups)


class DepthNet(nn.Module):
    """Image features [B * N, in_channels, h, w] -> depth logits and context [B * N, bins + context, h, w].

    Names and initialisation of the released `DepthNet` (layers/backbones/base_lss_fpn.py).

    Args:
        in_channels: channels of the image neck.
        channels: width of the net.
        context_channels: channels of one frame's BEV map.
        depth_bins: number of depth bins.
        aspp: include the atrous pyramid.
        deformable: include the deformable convolution.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        context_channels: int,
        depth_bins: int,
        *,
        aspp: bool = True,
        deformable: bool = True,
    ) -> None:
        super().__init__()
        reduce = nn.Conv2d(in_channels, channels, 3, padding=1)
        self.reduce_conv = nn.Sequential(reduce, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
        self.context_conv = nn.Conv2d(channels, context_channels, 1)
        self.bn = nn.BatchNorm1d(CAMERA_VECTOR)
        self.depth_mlp, self.depth_se = Mlp(CAMERA_VECTOR, channels), CameraGate(channels)
        self.context_mlp, self.context_se = Mlp(CAMERA_VECTOR, channels), CameraGate(channels)
        layers: list[nn.Module] = [BasicBlock(channels, channels) for _ in range(3)]
        layers += [Aspp(channels, channels)] if aspp else []
        layers += [DeformableConv(channels)] if deformable else []
        self.depth_conv = nn.Sequential(*layers, nn.Conv2d(channels, depth_bins, 1))

    def forward(self, x: Tensor, camera: Tensor) -> tuple[Tensor, Tensor]:
        """Predict from features and `camera_vector` [B * N, 27].

        Returns:
            Depth logits [B * N, bins, h, w] and context [B * N, context_channels, h, w].
        """
        camera = self.bn(camera)
        x = self.reduce_conv(x)
        context = self.context_conv(self.context_se(x, self.context_mlp(camera)))
        logits = self.depth_conv(self.depth_se(x, self.depth_mlp(camera)))
        return logits, context
