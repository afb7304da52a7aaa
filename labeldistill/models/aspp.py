"""Atrous spatial pyramid pooling: four dilations and a global mean, side by side (BEVDepth's depth net)."""

import torch
from torch import Tensor, nn

DILATIONS = (1, 6, 12, 18)


class AtrousBranch(nn.Module):
    """Dilated convolution, BatchNorm, ReLU."""

    def __init__(self, in_channels: int, channels: int, dilation: int) -> None:
        super().__init__()
        size, padding = (1, 0) if dilation == 1 else (3, dilation)
        self.atrous_conv = nn.Conv2d(in_channels, channels, size, padding=padding, dilation=dilation, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """[B, in_channels, H, W] -> [B, channels, H, W]."""
        return self.relu(self.bn(self.atrous_conv(x)))  # type: ignore[no-any-return]


class Aspp(nn.Module):
    """[B, in_channels, H, W] -> [B, channels, H, W] from four dilations and the global mean.

    Names and initialisation (Kaiming normal, fan-in) of the released `ASPP` (layers/backbones/base_lss_fpn.py);
    half of the outputs are dropped in training.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.aspp1, self.aspp2, self.aspp3, self.aspp4 = (
            AtrousBranch(in_channels, channels, dilation) for dilation in DILATIONS
        )
        self.global_avg_pool = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(in_channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        )
        self.conv1 = nn.Conv2d(5 * channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(0.5)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the pyramid."""
        whole = self.global_avg_pool(x).expand(-1, -1, *x.shape[2:])
        views = torch.cat([self.aspp1(x), self.aspp2(x), self.aspp3(x), self.aspp4(x), whole], dim=1)
        return self.dropout(self.relu(self.bn1(self.conv1(views))))  # type: ignore[no-any-return]
