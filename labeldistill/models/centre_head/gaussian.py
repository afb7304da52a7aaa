"""Gaussian bumps on heatmaps: their radius (CornerNet's overlap criterion), and drawing them."""

import torch
from torch import Tensor

MAX_RADIUS = 10_000  # cells; keeps the radius of a broken (infinite) box an integer


def gaussian_radius(length: Tensor, width: Tensor, overlap: float, *, old_formula: bool) -> Tensor:
    """How far a box centre may err, in cells, while the boxes still overlap by `overlap` (CornerNet, Law & Deng 2018).

    Three cases bound it: the box shifted along both axes, shrunk on all sides, grown on all sides. Each is the root of
    a quadratic a r^2 - b r + c. CornerNet's first formula, which the release keeps (quirk 10), takes the larger
    root for the first two and divides by 2 instead of 2a.

    Args:
        length: [n] box extent along its own x, in cells, positive.
        width: [n] box extent along its own y, in cells, positive.
        overlap: least intersection over union, in 0..1.
        old_formula: True for the released formula, False for the correct one.

    Returns:
        [n] radius in cells, not rounded.
    """
    total = width + length
    shifted = _root(1, total, width * length * (1 - overlap) / (1 + overlap), old_formula)
    shrunk = _root(4, 2 * total, (1 - overlap) * length * width, old_formula)
    # Grown: the product of the roots is negative, so the only positive root has the plus sign in both formulas.
    a, b, c = 4 * overlap, -2 * overlap * total, (overlap - 1) * length * width
    grown = (b + (b**2 - 4 * a * c).sqrt()) / (2 if old_formula else 2 * a)
    return torch.minimum(torch.minimum(shifted, shrunk), grown)


def _root(a: int, b: Tensor, c: Tensor, old_formula: bool) -> Tensor:
    spread = (b**2 - 4 * a * c).sqrt()
    return (b + spread) / 2 if old_formula else (b - spread) / (2 * a)


def whole_radius(radius: Tensor, least: int) -> Tensor:
    """Round radii [n] down to whole cells (int64), but never below `least`."""
    return radius.clamp(max=MAX_RADIUS).long().clamp(min=least)


def draw_gaussians(planes: Tensor, plane: Tensor, column: Tensor, row: Tensor, radius: Tensor) -> None:
    """Draw bumps of height 1 into `planes` in place; where bumps overlap the larger value is kept.

    A bump is exp(-d^2 / 2 s^2) with s = (2 radius + 1) / 6, cropped to a square of `radius` cells around its centre.

    Args:
        planes: [P, H, W] float32, contiguous, not negative.
        plane: [n] int64, which plane each bump goes to.
        column: [n] int64 centre, in 0..W-1.
        row: [n] int64 centre, in 0..H-1.
        radius: [n] int64, in cells; negative: no bump.
    """
    if plane.numel() == 0:
        return
    if planes.device.type == "cpu":
        _draw_windows(planes, plane, column, row, radius)
        return
    rows, columns = (torch.arange(size, device=planes.device) for size in planes.shape[-2:])
    down, across = _profile(rows - row[:, None], radius), _profile(columns - column[:, None], radius)
    bump = (down[:, :, None] * across[:, None, :]).float().flatten(1)
    planes.flatten(1).scatter_reduce_(0, plane[:, None].expand_as(bump), bump, "amax")


def _profile(offset: Tensor, radius: Tensor) -> Tensor:
    """A bump along one axis, [n, cells]; the bump is separable."""
    sigma = (2 * radius + 1).double() / 6
    profile = torch.exp(-(offset**2) / (2 * sigma[:, None] ** 2))
    return torch.where(offset.abs() <= radius[:, None], profile, 0.0)


def _draw_windows(planes: Tensor, plane: Tensor, column: Tensor, row: Tensor, radius: Tensor) -> None:
    """Only the square around each centre, for which the host has to know the largest radius."""
    height, width = planes.shape[-2:]
    reach = max(0, min(int(radius.max()), max(height, width) - 1))
    offset = torch.arange(-reach, reach + 1, device=planes.device)
    profile = _profile(offset, radius)
    rows, columns = row[:, None] + offset, column[:, None] + offset
    across = torch.where((columns >= 0) & (columns < width), profile, 0.0)
    down = torch.where((rows >= 0) & (rows < height), profile, 0.0)
    cell = (plane[:, None] * height + rows.clamp(0, height - 1))[:, :, None] * width
    cell = cell + columns.clamp(0, width - 1)[:, None, :]
    bump = (down[:, :, None] * across[:, None, :]).float()  # zero outside its square, which has no effect under `amax`
    planes.view(-1).scatter_reduce_(0, cell.reshape(-1), bump.reshape(-1), "amax")
