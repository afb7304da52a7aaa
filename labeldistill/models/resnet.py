"""ResNet as image backbone and as BEV trunk, with torchvision's (and mmdetection's) parameter names."""

from collections.abc import Sequence

from torch import Tensor, nn

ONEDNN_BLOCK = 8
"""Channels that oneDNN's AVX2 kernels work on at once."""


class Projection(nn.Conv2d):
    """1 x 1 convolution without bias for a shortcut: [B, in_channels, H, W] -> [B, channels, H / stride, W / stride].

    With fewer than eight input channels, a stride and channels last, the weight gradient of oneDNN 3.12 (in PyTorch
    2.13) writes behind its buffer on processors with AVX2 but without AVX-512, and the process dies later, anywhere.
    Dropping the pixels that the stride skips first gives the same sum without that kernel.
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        """Build the convolution; its parameter has the name and shape of a plain one."""
        super().__init__(in_channels, channels, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the convolution."""
        if self.in_channels >= ONEDNN_BLOCK or self.stride == (1, 1):
            return super().forward(x)
        return nn.functional.conv2d(x[:, :, :: self.stride[0], :: self.stride[1]], self.weight)


def conv3x3(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    """3 x 3 convolution with padding 1 and no bias."""
    return nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions around a shortcut: [B, in_channels, H, W] -> [B, channels, H / stride, W / stride]."""

    expansion = 1

    def __init__(self, in_channels: int, channels: int, stride: int = 1, downsample: nn.Module | None = None) -> None:
        """Build the block.

        Args:
            in_channels: channels of the input.
            channels: channels of the output.
            stride: stride of the first convolution.
            downsample: projection of the shortcut; None leaves the input as it is.
        """
        super().__init__()
        self.conv1 = conv3x3(in_channels, channels, stride)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = conv3x3(channels, channels)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)  # type: ignore[no-any-return]

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        """The last BatchNorm before the sum, whose weight `zero_init_residual` sets to zero."""
        return self.bn2


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 (with the stride), 1 x 1 around a shortcut; the output has four times `channels`."""

    expansion = 4

    def __init__(self, in_channels: int, channels: int, stride: int = 1, downsample: nn.Module | None = None) -> None:
        """Build the block.

        Args:
            in_channels: channels of the input.
            channels: channels of the inner convolutions; the output has four times as many.
            stride: stride of the 3 x 3 convolution.
            downsample: projection of the shortcut; None leaves the input as it is.
        """
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = conv3x3(channels, channels, stride)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, channels * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)  # type: ignore[no-any-return]

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        """The last BatchNorm before the sum, whose weight `zero_init_residual` sets to zero."""
        return self.bn3


Block = type[BasicBlock] | type[Bottleneck]
BLOCKS: dict[int, tuple[Block, tuple[int, int, int, int]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
}
"""Depth -> block type and number of blocks of each stage."""


def stage_channels(depth: int, base_channels: int, num_stages: int = 4) -> list[int]:
    """Output channels of each stage of a ResNet."""
    return [base_channels * 2**i * BLOCKS[depth][0].expansion for i in range(num_stages)]


class ResNet(nn.Module):
    """ResNet of mmdetection 2.26 (`style="pytorch"`): stem at stride 2, optional max-pool, up to four stages.

    Initialised as there: Kaiming normal (fan-out) on convolutions, ones and zeros on BatchNorm, zeros on the last
    BatchNorm of every block.

    Args:
        depth: 18, 34, 50 or 101.
        in_channels: channels of the input.
        base_channels: channels of the stem and width of the first stage (64 in the usual ResNet).
        strides: stride of each stage; their number is the number of stages.
        out_indices: stages whose outputs are returned.
        frozen_stages: -1 none; 0 the stem; n also stages 1 to n. Frozen parts get no gradient, and their BatchNorm
            stays in eval mode even in training.
        max_pool: halve the map once more after the stem (image backbones do, the BEV trunk does not).
    """

    def __init__(
        self,
        depth: int,
        *,
        in_channels: int = 3,
        base_channels: int = 64,
        strides: Sequence[int] = (1, 2, 2, 2),
        out_indices: Sequence[int] = (0, 1, 2, 3),
        frozen_stages: int = -1,
        max_pool: bool = True,
    ) -> None:
        super().__init__()
        if depth not in BLOCKS:
            raise ValueError(f"ResNet depth must be one of {sorted(BLOCKS)}, got {depth}")
        block, counts = BLOCKS[depth]
        self.num_stages, self.out_indices, self.frozen_stages = len(strides), tuple(out_indices), frozen_stages
        self.out_channels = [stage_channels(depth, base_channels, len(strides))[i] for i in self.out_indices]
        self.conv1 = nn.Conv2d(in_channels, base_channels, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(base_channels)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1) if max_pool else nn.Identity()
        channels = base_channels
        for i, stride in enumerate(strides):
            width = base_channels * 2**i
            self.add_module(f"layer{i + 1}", _stage(block, channels, width, counts[i], stride))
            channels = width * block.expansion
        self._initialise()
        self._freeze()

    def forward(self, x: Tensor) -> list[Tensor]:
        """[B, in_channels, H, W] -> the outputs of the stages in `out_indices`, fine to coarse."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        outputs = []
        for i in range(self.num_stages):
            x = self.get_submodule(f"layer{i + 1}")(x)
            if i in self.out_indices:
                outputs.append(x)
        return outputs

    def train(self, mode: bool = True) -> "ResNet":
        """Set training mode; frozen parts stay in eval mode (released behaviour, quirk 27)."""
        super().train(mode)
        self._freeze()
        return self

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        for module in self.modules():
            if isinstance(module, (BasicBlock, Bottleneck)):
                nn.init.zeros_(module.last_norm.weight)

    def _freeze(self) -> None:
        if self.frozen_stages < 0:
            return
        frozen: list[nn.Module] = [self.conv1, self.bn1]
        frozen += [self.get_submodule(f"layer{i}") for i in range(1, self.frozen_stages + 1)]
        for module in frozen:
            module.eval()
            module.requires_grad_(False)


def _stage(block: Block, in_channels: int, width: int, count: int, stride: int) -> nn.Sequential:
    out_channels = width * block.expansion
    downsample = None
    if stride != 1 or in_channels != out_channels:
        downsample = nn.Sequential(Projection(in_channels, out_channels, stride), nn.BatchNorm2d(out_channels))
    first = block(in_channels, width, stride, downsample)
    return nn.Sequential(first, *(block(out_channels, width) for _ in range(count - 1)))
