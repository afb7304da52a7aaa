"""Feature partitioning: which channels of the student learn from which teacher (paper 3.3)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Group = Literal["label", "lidar", "free"]
GROUPS: tuple[Group, ...] = ("label", "lidar", "free")
"""Channel groups in channel order."""


@dataclass(frozen=True)
class Partition:
    """How the channels of one scale are divided into groups.

    Attributes:
        channels: number of channels of the scale.
        shares: share of each group, summing to 1; products are rounded down and the rest is free. With shares of 1
            for label and LiDAR there is no partition: each of the two has all channels.
        frames: 1 divides the channels as a whole (the release; at scale 0, where the BEV maps of all frames are
            concatenated, a group can then be a past frame); F divides each of F equal blocks of channels (switch
            `partition_axis`).
    """

    channels: int
    shares: Mapping[str, float]
    frames: int = 1

    def slices(self, group: Group) -> list[slice]:
        """Channel ranges of a group, one per block."""
        block = self.channels // self.frames
        bounds = dict(zip(GROUPS, self._bounds(block), strict=True))
        low, high = bounds[group]
        return [slice(f * block + low, f * block + high) for f in range(self.frames)]

    def size(self, group: Group) -> int:
        """Number of channels of a group."""
        return sum(s.stop - s.start for s in self.slices(group))

    def take(self, x: Tensor, group: Group) -> Tensor:
        """The channels of a group: [B, channels, H, W] to [B, size(group), H, W]."""
        parts = [x[:, s] for s in self.slices(group)]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def _bounds(self, block: int) -> list[tuple[int, int]]:
        # a third of 150 channels is 50 even if the share is written as 0.3333333
        if self.shares["label"] == self.shares["lidar"] == 1:
            return [(0, block), (0, block), (block, block)]
        label, lidar = (math.floor(block * self.shares[g] + 1e-4) for g in ("label", "lidar"))
        return [(0, label), (label, label + lidar), (label + lidar, block)]
