"""The teacher's sparse 3D encoder: from voxel features to a BEV map."""

from collections.abc import Sequence

from torch import Tensor, nn

from labeldistill.models.sparse_layers import SparseBasicBlock, SparseConv3d, SparseConvModule, SparseVoxels
from labeldistill.ops.rulebook import Triple, output_shape, sort_sites

DOWN_KERNEL: Triple = (3, 3, 3)
DOWN_STRIDE: Triple = (2, 2, 2)
OUT_KERNEL: Triple = (3, 1, 1)
OUT_STRIDE: Triple = (2, 1, 1)
NO_PADDING: Triple = (0, 0, 0)


def down_paddings(stages: int) -> list[Triple]:
    """Padding (z, y, x) of the convolution that ends each stage but the last: 1, but 0 along z for the last of them.

    These are the values of the release for its four stages.
    """
    return [(1, 1, 1)] * (stages - 2) + [(0, 1, 1)] if stages > 1 else []


class SparseEncoder(nn.Module):
    """mmdetection3d's SparseEncoder (v1.0.0rc4) of basic blocks, with its parameter names.

    Each stage is a sequence of residual blocks; all stages but the last end in a convolution of stride 2. A final
    convolution halves z once more, and the rest of z is folded into the channels (channel c at height d becomes
    c * D + d).

    Args:
        in_channels: channels of a voxel.
        shape: cells along z, y, x of the voxel grid; z has one cell more than the grid, as in the release.
        stage_channels: for each stage, the channels of its blocks; in stages before the last, the last number is
            that of the closing convolution. All blocks of a stage have the same width.
        out_channels: channels of the last convolution.
    """

    def __init__(
        self, in_channels: int, shape: Triple, stage_channels: Sequence[Sequence[int]], out_channels: int
    ) -> None:
        super().__init__()
        self.shape = shape
        width = stage_channels[0][0]
        self.conv_input = SparseConvModule(SparseConv3d(in_channels, width))
        self.encoder_layers = nn.Sequential()
        paddings = down_paddings(len(stage_channels))
        for number, channels in enumerate(stage_channels):
            padding = paddings[number] if number < len(paddings) else None
            stage, width = _stage(width, channels, padding)
            self.encoder_layers.add_module(f"encoder_layer{number + 1}", stage)
        self.conv_out = SparseConvModule(SparseConv3d(width, out_channels, OUT_KERNEL, OUT_STRIDE))
        self.output_shape = encoded_shape(shape, len(stage_channels))
        self.output_channels = out_channels * self.output_shape[0]

    def forward(self, features: Tensor, coordinates: Tensor, batch: int) -> Tensor:
        """Encode a batch; a sample without voxels gives zeros.

        Args:
            features: [V, in_channels].
            coordinates: [V, 4] integer sample, z, y, x; without duplicates.
            batch: number of samples.

        Returns:
            [B, output_channels, Y, X].
        """
        sites, order = sort_sites(coordinates.long(), self.shape, batch)
        voxels = self.conv_input(SparseVoxels(features[order], sites))
        dense: Tensor = self.conv_out(self.encoder_layers(voxels)).dense()
        return dense.flatten(1, 2)


def encoded_shape(shape: Triple, stages: int) -> Triple:
    """Cells along z, y, x after `stages` stages and the last convolution; ValueError if nothing would be left."""
    for padding in down_paddings(stages):
        shape = output_shape(shape, DOWN_KERNEL, DOWN_STRIDE, padding)
    return output_shape(shape, OUT_KERNEL, OUT_STRIDE, NO_PADDING)


def _stage(width: int, channels: Sequence[int], padding: Triple | None) -> tuple[nn.Sequential, int]:
    """One stage and its output channels; `padding` is that of the closing convolution, None in the last stage."""
    blocks = channels if padding is None else channels[:-1]
    if any(block != width for block in blocks):
        raise ValueError(f"blocks of a stage that starts with {width} channels must have {width}, got {list(blocks)}")
    layers: list[nn.Module] = [SparseBasicBlock(width) for _ in blocks]
    if padding is not None:
        layers.append(SparseConvModule(SparseConv3d(width, channels[-1], DOWN_KERNEL, DOWN_STRIDE, padding)))
        width = channels[-1]
    return nn.Sequential(*layers), width
