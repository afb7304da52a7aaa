"""The frustum's geometry in half precision, as the release computes it under autocast (switch `frustum_precision`).

Its matrix products are halves: operands rounded to half, sums in float32, results rounded to half. So is pixels times
depth, which overflows beyond 65,504 (column 1,600 at 41 m): such points become NaN.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from labeldistill.data.batch import CameraMatrices

NAN_VOXEL = 0.0
"""Where a coordinate that is NaN goes: CUDA documents that its conversion to integers gives 0. Not run on a GPU yet."""


def autocast_to_half(device: torch.device) -> bool:
    """Whether mixed precision computes in half (float16) there now."""
    enabled = torch.is_autocast_enabled(device.type)
    return enabled and torch.get_autocast_dtype(device.type) is torch.float16


def half_frustum_to_ego(frustum: Tensor, cameras: CameraMatrices, frame: int) -> Tensor:
    """`view_transform.frustum_to_ego` in half precision; matrices are inverted in float32 first, as autocast does.

    Args:
        frustum: [D, h, w, 4] of `create_frustum`.
        cameras: matrices of all frames.
        frame: index of the frame.

    Returns:
        [B, N, D, h, w, 3] metres, float32 values that halves can hold; NaN where a product overflowed.
    """
    with torch.autocast(frustum.device.type, enabled=False):
        u, v, depth, one = _product(inverse(cameras.ida[:, frame]), frustum.unbind(-1))
        ray = (_half(u * depth), _half(v * depth), depth, one)
        combined = _half(_matrix_product(cameras.sensor2ego[:, frame], inverse(cameras.intrinsics[:, frame])))
        placed = _product(cameras.bda[:, None], _product(combined, ray))
        return torch.stack(placed[:3], -1)


def inverse(matrix: Tensor) -> Tensor:
    """Inverse of [.., 4, 4]; a singular one is an error on a CPU only, where nobody has to wait for the answer."""
    found: Tensor = torch.linalg.inv_ex(matrix, check_errors=matrix.device.type == "cpu").inverse
    return found


def without_nan(position: Tensor) -> Tensor:
    """Positions in voxels, NaN replaced by what CUDA's conversion to integers makes of it."""
    return position.nan_to_num(nan=NAN_VOXEL, posinf=torch.inf, neginf=-torch.inf)


def _half(x: Tensor) -> Tensor:
    """Rounded to half, kept in float32."""
    return x.half().float()


def _matrix_product(one: Tensor, other: Tensor) -> Tensor:
    """[.., 4, 4] @ [.., 4, 4] of operands rounded to half, summed in float32 from left to right."""
    return (_half(one)[..., :, :, None] * _half(other)[..., None, :, :]).sum(-2)


def _product(matrix: Tensor, point: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Apply [B, N, 4, 4] to four homogeneous coordinates broadcastable to [B, N, D, h, w].

    All four rows: zero times an infinite coordinate is NaN in the last one too, and the next product spreads it.
    """
    m = _half(matrix)[..., None, None, None]
    x, y, z, w = (_half(coordinate) for coordinate in point)
    return tuple(_half(m[:, :, r, 0] * x + m[:, :, r, 1] * y + m[:, :, r, 2] * z + m[:, :, r, 3] * w) for r in range(4))
