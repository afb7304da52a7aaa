"""From a padded point cloud to one feature row per voxel: hard voxelisation and the mean of each voxel's points."""

from torch import Tensor, nn

from labeldistill.ops.constants import constant
from labeldistill.ops.voxelize import Triple, Voxels, voxelize


class VoxelLayer(nn.Module):
    """Hard voxelisation with a limit on voxels that depends on the mode (train or eval); has no parameters.

    Args:
        low: lower corner of the grid along x, y, z, metres.
        size: voxel size along x, y, z, metres.
        cells: voxels along x, y, z.
        max_points: points kept per voxel.
        max_voxels: voxels kept per sample, in train mode and in eval mode.
    """

    def __init__(
        self, low: Triple, size: Triple, cells: tuple[int, int, int], max_points: int, max_voxels: tuple[int, int]
    ) -> None:
        super().__init__()
        self.low, self.size, self.cells = low, size, cells
        self.max_points, self.max_voxels = max_points, max_voxels

    def forward(self, points: Tensor) -> Voxels:
        """[B, P, C] points (x, y, z first; padding rows of -999) to voxels."""
        limit = self.max_voxels[0] if self.training else self.max_voxels[1]
        return voxelize(points, self.low, self.size, self.cells, self.max_points, limit)


class MeanVoxelEncoder(nn.Module):
    """Mean of a voxel's points (mmdetection3d's HardSimpleVFE), each channel times its factor; has no parameters.

    Args:
        scale: one factor per channel; the release has none (all 1).
    """

    def __init__(self, scale: tuple[float, ...] | None = None) -> None:
        super().__init__()
        self.scale = None if scale is None or set(scale) == {1.0} else scale

    def forward(self, voxels: Voxels) -> Tensor:
        """V voxels of C channels to [V, C]."""
        mean: Tensor = voxels.points.sum(1) / voxels.counts.to(voxels.points.dtype).unsqueeze(1)
        return mean if self.scale is None else mean * constant(self.scale, mean)
