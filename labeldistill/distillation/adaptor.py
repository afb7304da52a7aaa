"""The adaptor between a channel group of the student and the features it imitates (released: adaptor.py; paper 3.3)."""

from collections.abc import Sequence

from torch import Tensor, nn

from labeldistill.models.resnet import BasicBlock


class DistillAdaptor(nn.Module):
    """One block per scale: 3 x 3 convolution with replicate padding, BatchNorm, ReLU, residual block.

    Args:
        in_features: channels of the student's group at each scale.
        out_features: channels of the features it imitates at each scale.
    """

    def __init__(self, in_features: Sequence[int], out_features: Sequence[int]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(c_in, c_out, 3, padding=1, padding_mode="replicate"),
                nn.BatchNorm2d(c_out),
                nn.ReLU(inplace=True),
                BasicBlock(c_out, c_out),
            )
            for c_in, c_out in zip(in_features, out_features, strict=True)
        )

    def forward(self, scales: Sequence[Tensor]) -> list[Tensor]:
        """[B, in_features[i], H_i, W_i] to [B, out_features[i], H_i, W_i]."""
        return [block(x) for block, x in zip(self.blocks, scales, strict=True)]
