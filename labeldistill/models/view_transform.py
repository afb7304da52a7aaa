"""From image cells and depth bins to metres in the ego frame, and on to voxels of the BEV grid."""

from collections.abc import Sequence

import torch
from torch import Tensor

from labeldistill.data.batch import CameraMatrices
from labeldistill.models.half_geometry import inverse, without_nan


def create_frustum(
    image_size_px: tuple[int, int], stride: int, depth_m: tuple[float, float, float], *, centres: bool = False
) -> Tensor:
    """The point (u, v, depth, 1) of each feature cell and depth bin.

    Args:
        image_size_px: height and width of the network's input image.
        stride: pixels per feature cell.
        depth_m: first depth, end, bin size.
        centres: True takes the middle of cell and bin (corrected); False as released: cells spread evenly over
            0..W-1 and 0..H-1, and the lower edge of each bin (switch `frustum_centres`).

    Returns:
        [D, h, w, 4] float32: pixels, pixels, metres, one.
    """
    rows, columns = (side // stride for side in image_size_px)
    depths = torch.arange(*depth_m, dtype=torch.float)
    if centres:
        depths = depths + depth_m[2] / 2
        v, u = ((torch.arange(n, dtype=torch.float) + 0.5) * stride for n in (rows, columns))
    else:
        v, u = (
            torch.linspace(0, side - 1, n, dtype=torch.float)
            for side, n in zip(image_size_px, (rows, columns), strict=True)
        )
    d, v, u = torch.meshgrid(depths, v, u, indexing="ij")
    return torch.stack([u, v, d, torch.ones_like(d)], -1)


def frustum_to_ego(frustum: Tensor, cameras: CameraMatrices, frame: int) -> Tensor:
    """Place the frustum of every camera of one frame in the augmented ego frame of the key frame.

    Undoes the image augmentation, scales pixels by depth, then applies inverse intrinsics, camera pose and BEV
    augmentation, in this order and in float32, also under mixed precision: which voxel a point falls into depends on
    rounding. The release does so in float32 alone; under mixed precision it computes all of this in half
    (`half_geometry`, switch `frustum_precision`). The last row of every matrix is taken to be 0, 0, 0, 1.

    Args:
        frustum: [D, h, w, 4] of `create_frustum`.
        cameras: matrices of all frames.
        frame: index of the frame, 0 is the key frame.

    Returns:
        [B, N, D, h, w, 3] x, y, z in metres.
    """
    with torch.autocast(frustum.device.type, enabled=False):
        u, v, depth = _rows(_affine(inverse(cameras.ida[:, frame]), frustum.unbind(-1)[:3]))
        camera_to_ego = cameras.sensor2ego[:, frame] @ inverse(cameras.intrinsics[:, frame])
        ego = _rows(_affine(camera_to_ego, (u * depth, v * depth, depth)))
        return _affine(cameras.bda[:, None], ego).movedim(2, -1)


def _affine(matrix: Tensor, point: Sequence[Tensor]) -> Tensor:
    """Apply [B, N, 4, 4] to x, y, z broadcastable to [B, N, 1, D, h, w]: [B, N, 3, D, h, w].

    Each product and each sum is rounded separately, left to right. A matrix product may fuse them, differently on each
    machine, and move points at a border into other voxels.
    """
    m = matrix[:, :, :3, :, None, None, None]
    return m[:, :, :, 0] * point[0] + m[:, :, :, 1] * point[1] + m[:, :, :, 2] * point[2] + m[:, :, :, 3]


def _rows(points: Tensor) -> tuple[Tensor, ...]:
    """x, y, z [B, N, 1, D, h, w] of what `_affine` gives."""
    return torch.split(points, 1, dim=2)


def voxel_indices(points: Tensor, low: Tensor, size: Tensor, *, truncate: bool = True) -> Tensor:
    """Voxel of each point.

    Args:
        points: [..., 3] x, y, z in metres.
        low: [3] lower corner of the grid, metres.
        size: [3] voxel size, metres.
        truncate: round toward zero as released, so that points less than one voxel below the grid fall into its first
            voxel; otherwise round down (switch `voxel_truncation`).

    Returns:
        [..., 3] int32; outside the grid when negative or too large. NaN counts as 0 (`half_geometry.NAN_VOXEL`).
    """
    position = without_nan((points - low) / size)
    return (position if truncate else position.floor()).int()
