"""SECOND's BEV backbone of the LiDAR teacher."""

from collections.abc import Sequence

from torch import Tensor, nn


class Second(nn.Module):
    """Plain convolutions in stages; each stage's output is a scale (mmdetection3d's SECOND, v1.0.0rc4, with its names).

    Args:
        in_channels: channels of the BEV map.
        out_channels: channels of each stage.
        layers: number of convolutions after the first, per stage.
        strides: stride of each stage's first convolution.
    """

    def __init__(
        self, in_channels: int, out_channels: Sequence[int], layers: Sequence[int], strides: Sequence[int]
    ) -> None:
        super().__init__()
        stages = []
        for channels, count, stride in zip(out_channels, layers, strides, strict=True):
            modules = _layer(in_channels, channels, stride)
            for _ in range(count):
                modules += _layer(channels, channels, 1)
            stages.append(nn.Sequential(*modules))
            in_channels = channels
        self.blocks = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        """[B, in_channels, Y, X] to one map per stage, each smaller by its stride."""
        scales = []
        for block in self.blocks:
            x = block(x)
            scales.append(x)
        return scales


def _layer(in_channels: int, channels: int, stride: int) -> list[nn.Module]:
    convolution = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return [convolution, nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01), nn.ReLU(inplace=True)]
