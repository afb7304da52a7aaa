"""SECOND's feature pyramid: all scales are resampled to one size and concatenated by channel."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def _resample(in_channels: int, out_channels: int, factor: float, conv_for_no_stride: bool) -> nn.Module:
    """The layer that scales a map by `factor`: transposed convolution up, strided convolution down."""
    if factor > 1 or (factor == 1 and not conv_for_no_stride):
        size = round(factor)
        up = nn.ConvTranspose2d(in_channels, out_channels, size, size, bias=False)
        nn.init.kaiming_normal_(up.weight, mode="fan_out", nonlinearity="relu")
        return up
    size = round(1 / factor)
    return nn.Conv2d(in_channels, out_channels, size, size, bias=False)


class SecondFpn(nn.Module):
    """Scales of several sizes -> one map of `sum(out_channels)` channels.

    Follows mmdetection3d's SECONDFPN (v1.0.0rc4), with its BatchNorm settings (eps 1e-3, momentum 0.01), its
    initialisation (Kaiming, fan-out, on transposed convolutions; PyTorch's default on the others) and its names
    (`deblocks.<scale>.0` convolution, `.1` BatchNorm).

    Args:
        in_channels: channels of each input scale.
        out_channels: channels that each scale contributes.
        upsample_strides: upsampling factor of each scale; below 1, a strided convolution shrinks it.
        use_conv_for_no_stride: a stride of 1 is a 1 x 1 convolution (the LiDAR teacher) instead of a 1 x 1
            transposed convolution (both necks of the camera student); the weight is stored the other way round.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: Sequence[int],
        upsample_strides: Sequence[float],
        *,
        use_conv_for_no_stride: bool = False,
    ) -> None:
        super().__init__()
        self.upsample_strides = tuple(upsample_strides)
        self.deblocks = nn.ModuleList(
            nn.Sequential(
                _resample(c_in, c_out, stride, use_conv_for_no_stride),
                nn.BatchNorm2d(c_out, eps=1e-3, momentum=0.01),
                nn.ReLU(inplace=True),
            )
            for c_in, c_out, stride in zip(in_channels, out_channels, upsample_strides, strict=True)
        )

    def forward(self, scales: Sequence[Tensor]) -> Tensor:
        """Map scales [B, in_channels[i], H_i, W_i] to [B, sum(out_channels), H, W].

        A coarse scale whose size was rounded up (an image side that is not a multiple of 32) comes out slightly
        too large and is cropped on the right and at the bottom; the release does not support such images.

        Raises:
            ValueError: a wrong number of scales, or sizes that differ by more than this rounding.
        """
        if len(scales) != len(self.deblocks):
            raise ValueError(f"the pyramid takes {len(self.deblocks)} scales, got {len(scales)}")
        maps = [deblock(x) for deblock, x in zip(self.deblocks, scales, strict=True)]
        height, width = (min(x.shape[axis] for x in maps) for axis in (2, 3))
        for x, stride in zip(maps, self.upsample_strides, strict=True):
            if max(x.shape[2] - height, x.shape[3] - width) >= max(stride, 1):
                raise ValueError(f"scales do not meet: {[tuple(x.shape[2:]) for x in maps]} after resampling")
        return maps[0] if len(maps) == 1 else torch.cat([x[:, :, :height, :width] for x in maps], dim=1)
