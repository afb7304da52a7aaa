"""BEV pooling: lift each image feature along its ray, weighted by the depth distribution, and sum it into BEV cells."""

from typing import Literal

import torch
from torch import Tensor

from labeldistill.ops.sparse_rows import scatter_rows

Backend = Literal["auto", "sparse", "matrix"]
MATRIX_LIMIT = 1 << 16
"""`auto` uses the dense matrix up to this many elements (cells x pixels) per sample, where it is faster."""


def voxel_cells(voxels: Tensor, voxel_num: tuple[int, int, int]) -> Tensor:
    """Flatten voxel indices to BEV cells.

    Args:
        voxels: [..., 3] integer indices along x, y, z.
        voxel_num: number of voxels along x, y, z. z is only checked: a cell holds everything above it.

    Returns:
        [...] int32: y * X + x, or -1 outside the grid.
    """
    x, y, z = voxels.unbind(-1)
    nx, ny, nz = voxel_num
    inside = (x >= 0) & (x < nx) & (y >= 0) & (y < ny) & (z >= 0) & (z < nz)
    return torch.where(inside, y * nx + x, -1).int()


def bev_pool(
    depth: Tensor, context: Tensor, cells: Tensor, grid_yx: tuple[int, int], backend: Backend = "auto"
) -> Tensor:
    """Sum `depth * context` of all frustum points of all cameras into BEV cells (voxel pooling of BEVDepth).

    Both backends are differentiable in `depth` and `context` and, on a CPU, bit-identical from call to call with any
    number of threads; they differ from one another by float32 rounding only.

    * `sparse` sorts the points by cell and sums per cell (see `sparse_rows`). The lifted features [N, D, h, w, C] are
      never stored; deterministic on GPUs too.
    * `matrix` adds up the scalar depths in a dense (cells x pixels) matrix and multiplies it with the context. Costs
      `cells * pixels` memory per sample and `C` times as many multiplications: for toy sizes.

    Args:
        depth: [B * N, D, h, w] probability of each depth bin.
        context: [B * N, C, h, w] features.
        cells: [B, N, D, h, w] integer cell (row * X + column) of each frustum point, -1 outside the grid.
        grid_yx: rows Y and columns X of the grid.
        backend: `auto` takes `matrix` up to MATRIX_LIMIT elements, else `sparse`.

    Returns:
        [B, C, Y, X] in channels-last memory; float32 also when an input has half precision.
    """
    samples, pixels = cells.shape[0], cells.shape[1] * cells.shape[3] * cells.shape[4]
    size, channels = grid_yx[0] * grid_yx[1], context.shape[1]
    if backend == "auto":
        backend = "matrix" if size * pixels <= MATRIX_LIMIT else "sparse"
    dtype = torch.float64 if context.dtype == torch.float64 else torch.float32
    rows = context.to(dtype).permute(0, 2, 3, 1).reshape(samples, pixels, channels)
    weight = depth.to(dtype).permute(0, 2, 3, 1).reshape(samples, pixels, -1)
    index = cells.permute(0, 1, 3, 4, 2).reshape(samples, pixels, -1)
    with torch.autocast(context.device.type, enabled=False):
        pooled = (_pool_matrix if backend == "matrix" else _pool_sparse)(rows, index, weight, size)
    return pooled.view(samples, *grid_yx, channels).permute(0, 3, 1, 2)


def _pool_sparse(rows: Tensor, index: Tensor, weight: Tensor, size: int) -> Tensor:
    samples = rows.shape[0]
    first_cell = torch.arange(samples, dtype=torch.int32, device=index.device).view(-1, 1, 1) * size
    index = torch.where(index < 0, -1, index + first_cell)
    return scatter_rows(rows.flatten(0, 1), index.flatten(0, 1), weight.flatten(0, 1), samples * size)


def _pool_matrix(rows: Tensor, index: Tensor, weight: Tensor, size: int) -> Tensor:
    samples, pixels, _ = rows.shape
    sample = torch.arange(samples, device=rows.device).view(-1, 1, 1).expand_as(index)
    pixel = torch.arange(pixels, device=rows.device).view(1, -1, 1).expand_as(index)
    cell = torch.where(index < 0, size, index).long()  # an extra row collects what lies outside
    matrix = weight.new_zeros(samples, size + 1, pixels)
    matrix = matrix.index_put((sample, cell, pixel), weight, accumulate=True)
    return matrix[:, :size] @ rows
