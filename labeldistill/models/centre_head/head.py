"""The centre head: a shared convolution and, for each task, six small branches (mmdet3d 1.0.0rc4, CenterHead)."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from labeldistill.geometry.classes import TASKS
from labeldistill.models.centre_head.branches import run_branches

HeadOutput = list[dict[str, Tensor]]
"""One dict per task. reg [B,2,H,W]: offset inside the cell, in cells; height [B,1,H,W]: z of the box centre, metres;
dim [B,3,H,W]: log of dx, dy, dz in metres; rot [B,2,H,W]: sine and cosine of yaw; vel [B,2,H,W]: m/s;
heatmap [B,classes,H,W]: logits."""

BRANCHES: dict[str, int] = {"reg": 2, "height": 1, "dim": 3, "rot": 2, "vel": 2}
"""Regression branches in the order of the box code, with their channels; `heatmap` has one per class of the task."""


class ConvModule(nn.Module):
    """3x3 convolution, BatchNorm, ReLU; parameters named `conv` and `bn`, initialised as the released one (mmcv)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)
        self.activate = nn.ReLU(inplace=True)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """[B, in_channels, H, W] to [B, out_channels, H, W]."""
        out: Tensor = self.activate(self.bn(self.conv(x)))
        return out


class SeparateHead(nn.Module):
    """The branches of one task: each a ConvModule and a plain 3x3 convolution."""

    def __init__(self, in_channels: int, branch_channels: int, classes: int, heatmap_bias: float | None) -> None:
        """Build the branches of one task.

        Args:
            in_channels: channels after the shared convolution.
            branch_channels: channels inside a branch.
            classes: number of classes of the task, one heatmap channel each.
            heatmap_bias: initial bias of the heatmap logits; None keeps the convolution's default.
        """
        super().__init__()
        self.branches = (*BRANCHES, "heatmap")
        for name in self.branches:
            last = nn.Conv2d(branch_channels, BRANCHES.get(name, classes), 3, padding=1)
            if name == "heatmap" and heatmap_bias is not None:
                nn.init.constant_(last.bias, heatmap_bias)  # type: ignore[arg-type]
            self.add_module(name, nn.Sequential(ConvModule(in_channels, branch_channels), last))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """[B, in_channels, H, W] to one map per branch."""
        return _apply([self], x)[0]


class CentreHead(nn.Module):
    """Predicts, for six tasks, the box centres and the box at each centre.

    Args:
        in_channels: channels of the BEV map.
        shared_channels: channels after the shared convolution.
        branch_channels: channels inside a branch.
        tasks: class names of each task.
        heatmap_bias: bias of the heatmap logits at the start; CenterPoint's is -2.19 (probability 0.1). None leaves
            the convolution's default, as the released student does: its head never calls `init_weights`.
        half: compute under mixed precision where that is on, as the released teacher does; otherwise in float32.
    """

    def __init__(
        self,
        in_channels: int,
        shared_channels: int = 64,
        branch_channels: int = 64,
        tasks: Sequence[Sequence[str]] = TASKS,
        heatmap_bias: float | None = -2.19,
        half: bool = False,
    ) -> None:
        super().__init__()
        self.half_precision = half
        self.shared_conv = ConvModule(in_channels, shared_channels)
        self.task_heads = nn.ModuleList(
            SeparateHead(shared_channels, branch_channels, len(task), heatmap_bias) for task in tasks
        )

    def forward(self, x: Tensor) -> HeadOutput:
        """[B, in_channels, H, W] (rows y, columns x) to one dict of maps per task."""
        if self.half_precision:
            return _apply(self.task_heads, self.shared_conv(x))
        return predict_tasks(self.shared_conv, self.task_heads, x)


def predict_tasks(shared_conv: nn.Module, task_heads: nn.ModuleList, x: Tensor) -> HeadOutput:
    """Run the parts of a centre head in float32, for a module that owns them directly (released student).

    The released head disables mixed precision, so half-precision features are widened first.
    """
    with torch.autocast(x.device.type, enabled=False):
        return _apply(task_heads, shared_conv(x.float()))


def _apply(tasks: Iterable[nn.Module], x: Tensor) -> HeadOutput:
    """Run the branches of several `SeparateHead` side by side."""
    names: list[tuple[int, str]] = []
    branches = []
    for number, task in enumerate(tasks):
        assert isinstance(task, SeparateHead)
        names += [(number, name) for name in task.branches]
        branches += [task.get_submodule(name) for name in task.branches]
    output: HeadOutput = [{} for _ in range(names[-1][0] + 1)]
    for (number, name), value in zip(names, run_branches(branches, x), strict=True):
        output[number][name] = value
    return output
