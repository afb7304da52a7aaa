"""Layers over sparse voxel features: convolutions that share rulebooks, BatchNorm, the residual block."""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from labeldistill.ops.rulebook import Sites, Triple
from labeldistill.ops.sparse_backends import BACKENDS, backend_for


@dataclass(frozen=True)
class SparseVoxels:
    """Features of the occupied voxels of a batch.

    Attributes:
        features: [N, C] in the order of `sites`.
        sites: the voxels that the rows belong to.
        books: what layers have found out about neighbours of these sites so far, by backend and kernel.
    """

    features: Tensor
    sites: Sites
    books: dict[tuple[str, Triple], Any] = field(default_factory=dict)

    def with_features(self, features: Tensor) -> "SparseVoxels":
        """The same voxels and books with other features."""
        return replace(self, features=features)

    def dense(self) -> Tensor:
        """[B, C, Z, Y, X], zero where there is no voxel."""
        z, y, x = self.sites.shape
        sample, *axes = self.sites.coordinates.unbind(1)
        cell = ((sample * z + axes[0]) * y + axes[1]) * x + axes[2]
        empty = self.features.new_zeros(self.sites.batch * z * y * x, self.features.shape[1])
        filled = empty.index_copy(0, cell, self.features)
        return filled.view(self.sites.batch, z, y, x, -1).permute(0, 4, 1, 2, 3).contiguous()


class SparseConv3d(nn.Module):
    """Sparse 3D convolution without bias; without a stride it is submanifold: outputs are at the input voxels.

    The weight is laid out (kz, ky, kx, in, out), as in mmcv's sparse convolutions. Submanifold layers on the same
    voxels share one book.

    Args:
        in_channels: channels per input voxel.
        out_channels: channels per output voxel.
        kernel: size along z, y, x.
        stride: None for submanifold, else along z, y, x.
        padding: along z, y, x; used with a stride only.
        backend: a name of `ops.sparse_backends.BACKENDS`; None: that of the device.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: Triple = (3, 3, 3),
        stride: Triple | None = None,
        padding: Triple = (0, 0, 0),
        backend: str | None = None,
    ) -> None:
        super().__init__()
        self.kernel, self.stride, self.padding = kernel, stride, padding
        self.backend = backend
        self.weight = nn.Parameter(torch.empty(*kernel, in_channels, out_channels))
        bound = 1 / math.sqrt(math.prod(kernel) * in_channels)  # nn.Conv3d's
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, voxels: SparseVoxels) -> SparseVoxels:
        """Convolve [N, in] at the voxels' sites to [M, out] at the output sites (M = N for submanifold)."""
        name = self.backend or backend_for(voxels.features.device)
        backend = BACKENDS[name]
        if self.stride is not None:
            book = backend.strided(voxels.sites, self.kernel, self.stride, self.padding)
            return SparseVoxels(backend.convolve(voxels.features, self.weight, book), book.sites)
        if (name, self.kernel) not in voxels.books:
            voxels.books[name, self.kernel] = backend.submanifold(voxels.sites, self.kernel)
        return voxels.with_features(backend.convolve(voxels.features, self.weight, voxels.books[name, self.kernel]))

    def extra_repr(self) -> str:
        """Kernel, stride and channels, for printing."""
        return f"{tuple(self.weight.shape[3:])}, kernel={self.kernel}, stride={self.stride}, padding={self.padding}"


class VoxelNorm(nn.BatchNorm1d):
    """BatchNorm over voxel rows [N, C] with mmdetection3d's settings, repeatable with any number of threads.

    PyTorch sums statistics of [N, C] in one part per thread, but not those of [1, C, N], which is used here. With fewer
    than two voxels there are no batch statistics, and the running ones are used.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-3, momentum=0.01)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise [N, C]."""
        if not self.training or len(input) < 2:
            assert self.running_mean is not None
            assert self.running_var is not None
            scale = self.weight / torch.sqrt(self.running_var + self.eps)
            return input * scale + (self.bias - self.running_mean * scale)
        return super().forward(input.t().unsqueeze(0)).squeeze(0).t().contiguous()


class SparseBasicBlock(nn.Module):
    """Two submanifold convolutions around a shortcut: [N, C] -> [N, C]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = SparseConv3d(channels, channels)
        self.bn1 = VoxelNorm(channels)
        self.conv2 = SparseConv3d(channels, channels)
        self.bn2 = VoxelNorm(channels)

    def forward(self, voxels: SparseVoxels) -> SparseVoxels:
        """Apply the block."""
        out = self.conv1(voxels)
        out = self.conv2(out.with_features(F.relu(self.bn1(out.features))))
        return voxels.with_features(F.relu(self.bn2(out.features) + voxels.features))


class SparseConvModule(nn.Sequential):
    """Convolution (`0`), BatchNorm (`1`), ReLU."""

    def __init__(self, convolution: SparseConv3d) -> None:
        super().__init__(convolution, VoxelNorm(convolution.weight.shape[-1]), nn.ReLU())

    def forward(self, input: SparseVoxels) -> SparseVoxels:
        """Apply the three."""
        out: SparseVoxels = self[0](input)
        return out.with_features(self[2](self[1](out.features)))
