"""The label encoder: from label maps to features at the teacher's scales (released: label_backbone.py; paper 3.2)."""

from collections.abc import Sequence

from torch import Tensor, nn

from labeldistill.config.study import RunSettings
from labeldistill.distillation.label_map import LabelMapOptions, LabelMaps
from labeldistill.geometry.classes import CLASSES
from labeldistill.models.resnet import BasicBlock

STRIDES = (1, 2)
"""Strides of the two scales relative to the grid, as in the teacher's SECOND."""


class Mlp(nn.Module):
    """Two linear layers with a ReLU between them, over the last axis: [..., in] to [..., out]."""

    def __init__(self, in_features: int, hidden_features: int, out_features: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(in_features, hidden_features)
        self.act = nn.ReLU()
        self.fc2 = nn.Linear(hidden_features, out_features)

    def forward(self, x: Tensor) -> Tensor:
        """Apply both layers."""
        return self.fc2(self.act(self.fc1(x)))  # type: ignore[no-any-return]


class LabelEncoder(nn.Module):
    """An MLP each for boxes and classes of each cell, a third for their sum, LayerNorm, a residual block, then one
    replicate-padded convolution with LayerNorm and ReLU per scale.

    The LayerNorms of the scales span channels, rows and columns, so the weights belong to one grid size. Empty cells
    pass through the MLPs like all others. Parameters are named as in the release.

    Args:
        hidden_channels: width of the MLPs and of the residual block.
        out_channels: channels of each scale, those of the teacher's SECOND.
        cells_xy: number of cells along x and y.
        box_features: numbers that describe a box, 9 in the release.
        strides: stride of each scale.
        classes: length of the one-hot class vector.
    """

    def __init__(
        self,
        *,
        hidden_channels: int,
        out_channels: Sequence[int],
        cells_xy: tuple[int, int],
        box_features: int = 9,
        strides: Sequence[int] = STRIDES,
        classes: int = len(CLASSES),
    ) -> None:
        super().__init__()
        nx, ny = cells_xy
        self.mlp_box = Mlp(box_features, hidden_channels, hidden_channels)
        self.mlp_label = Mlp(classes, hidden_channels, hidden_channels)
        self.mlp2 = Mlp(hidden_channels, hidden_channels, hidden_channels)
        self.ln2 = nn.LayerNorm(hidden_channels)
        self.conv1 = BasicBlock(hidden_channels, hidden_channels)
        self.conv_blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(hidden_channels, channels, 3, stride, padding=1, padding_mode="replicate"),
                nn.LayerNorm([channels, ny // stride, nx // stride]),
                nn.ReLU(inplace=True),
            )
            for channels, stride in zip(out_channels, strides, strict=True)
        )

    @classmethod
    def from_settings(cls, run: RunSettings) -> "LabelEncoder":
        """The label encoder of a label-encoder or student run."""
        assert run.label_encoder is not None
        assert run.teacher is not None
        return cls(
            hidden_channels=run.label_encoder.hidden_channels,
            out_channels=run.teacher.second_channels,
            cells_xy=run.grid.cells_xy,
            box_features=LabelMapOptions.from_settings(run).box_features,
        )

    def forward(self, maps: LabelMaps) -> list[Tensor]:
        """Maps of B samples to features [B, out_channels[i], ny / strides[i], nx / strides[i]]."""
        x = self.ln2(self.mlp2(self.mlp_box(maps.box) + self.mlp_label(maps.label)))
        x = self.conv1(x.permute(0, 3, 1, 2).contiguous())
        return [block(x) for block in self.conv_blocks]
