"""Layouts of sparse-convolution weights: ours, mmcv 1.x's, is (kz, ky, kx, in, out); spconv 2.x has out first."""

from collections.abc import Mapping
from enum import StrEnum

from torch import Tensor

from labeldistill.weights.key_map import SPARSE

Shape = tuple[int, ...]


class Layout(StrEnum):
    """Order of the five axes of a sparse convolution's weight."""

    mmcv = "mmcv"
    spconv2 = "spconv2"


def is_sparse(name: str, shape: Shape) -> bool:
    """Whether one of our names is a sparse convolution's weight."""
    return SPARSE in name and len(shape) == 5


def laid_out(ours: Shape, layout: Layout) -> Shape:
    """The shape that a weight of our shape has in `layout`."""
    return (ours[-1], *ours[:-1]) if layout is Layout.spconv2 else ours


def from_layout(value: Tensor, layout: Layout) -> Tensor:
    """A weight in `layout` in our order of axes."""
    return value.permute(1, 2, 3, 4, 0).contiguous() if layout is Layout.spconv2 else value


def to_layout(value: Tensor, layout: Layout) -> Tensor:
    """Our weight in `layout`."""
    return value.permute(4, 0, 1, 2, 3).contiguous() if layout is Layout.spconv2 else value


def layouts_that_fit(found: Mapping[str, Shape], expected: Mapping[str, Shape]) -> tuple[Layout | None, list[Layout]]:
    """The layout of a checkpoint's sparse weights, which is the same for all of them.

    Args:
        found: shapes in the checkpoint, by our names.
        expected: shapes of our modules.

    Returns:
        The layout that fits most weights (None: there are no sparse weights), and the layouts that fit all of them.
    """
    sparse = [name for name, shape in expected.items() if is_sparse(name, shape) and name in found]
    if not sparse:
        return None, []
    fits = {layout: sum(found[n] == laid_out(expected[n], layout) for n in sparse) for layout in Layout}
    return max(Layout, key=lambda layout: fits[layout]), [layout for layout in Layout if fits[layout] == len(sparse)]
