"""Deformable convolution against the plain one, a loop, finite differences; derivative at whole offsets; threads."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from labeldistill.ops.deform_conv import deform_conv2d


def inputs(seed: int, groups: int, B: int = 2, C: int = 4, O: int = 6, H: int = 4, W: int = 5) -> list[Tensor]:  # noqa: E741, N803
    generator = torch.Generator().manual_seed(seed)
    shapes = ((B, C, H, W), (B, 18, H, W), (O, C // groups, 3, 3))
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]


def bilinear(image: Tensor, y: float, x: float) -> Tensor:
    """[C] value of image [C, H, W] at (y, x), zero outside."""
    value = torch.zeros(image.shape[0], dtype=image.dtype)
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            if 0 <= row < image.shape[1] and 0 <= column < image.shape[2]:
                value += (1 - abs(y - row)) * (1 - abs(x - column)) * image[:, row, column]
    return value


def convolve_by_loop(x: Tensor, offset: Tensor, weight: Tensor, groups: int) -> Tensor:
    out = torch.zeros(x.shape[0], weight.shape[0], *x.shape[2:], dtype=x.dtype)
    in_group, out_group = x.shape[1] // groups, weight.shape[0] // groups
    for b, row, column, tap in torch.ones(x.shape[0], *x.shape[2:], 9).nonzero().tolist():
        y = row - 1 + tap // 3 + float(offset[b, 2 * tap, row, column])
        z = column - 1 + tap % 3 + float(offset[b, 2 * tap + 1, row, column])
        value = bilinear(x[b], y, z)
        for o in range(weight.shape[0]):
            g = o // out_group
            out[b, o, row, column] += weight[o, :, tap // 3, tap % 3] @ value[g * in_group : (g + 1) * in_group]
    return out


@pytest.mark.parametrize("groups", [1, 2])
def test_equals_a_loop_over_taps(groups: int) -> None:
    x, offset, weight = inputs(1, groups)
    out = deform_conv2d(x, 2 * offset, weight, groups=groups)  # some taps leave the map
    torch.testing.assert_close(out, convolve_by_loop(x, 2 * offset, weight, groups))


def test_zero_offset_is_the_plain_convolution() -> None:
    x, offset, weight = inputs(2, 2)
    plain = conv2d(x, weight, padding=1, groups=2)
    torch.testing.assert_close(deform_conv2d(x, offset * 0, weight, groups=2), plain)


def test_whole_offset_reads_the_shifted_map() -> None:
    x, offset, weight = inputs(3, 1)
    offset = torch.zeros_like(offset)
    offset[:, 1::2] = 1  # every tap one column further
    shifted = torch.nn.functional.pad(x, (1, 2, 1, 1))[..., 1:]
    torch.testing.assert_close(deform_conv2d(x, offset, weight), conv2d(shifted, weight))


def test_gradients_equal_finite_differences() -> None:
    x, offset, weight = inputs(4, 2, B=1, C=2, O=2, H=2, W=3)
    args = [t.requires_grad_() for t in (x, offset, weight)]
    assert torch.autograd.gradcheck(lambda *a: deform_conv2d(*a, groups=1), (args[0], args[1], inputs(5, 1, C=2)[2]))
    assert torch.autograd.gradcheck(lambda *a: deform_conv2d(*a, groups=2), args)


def test_derivative_at_a_whole_offset_points_to_the_larger_coordinate() -> None:
    x = torch.tensor([[[[1.0, 5.0, 2.0]]]])
    offset = torch.zeros(1, 2, 1, 3, requires_grad=True)
    deform_conv2d(x, offset, torch.ones(1, 1, 1, 1), padding=0).sum().backward()
    assert offset.grad[0, 1, 0].tolist() == [4.0, -3.0, -2.0]  # 5 - 1, 2 - 5, 0 - 2
    assert offset.grad[0, 0, 0].tolist() == [-1.0, -5.0, -2.0]  # below the map is zero


def test_same_bits_with_one_and_two_threads() -> None:
    x, offset, weight = (t.float() for t in inputs(6, 4, B=3, C=16, O=16, H=8, W=22))
    seen = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        try:
            args = [t.clone().requires_grad_() for t in (x, offset, weight)]
            out = deform_conv2d(*args, groups=4)
            out.square().sum().backward()
        finally:
            torch.set_num_threads(1)
        seen.append((out, *(a.grad for a in args)))
    for one, two in zip(*seen, strict=True):
        assert torch.equal(one, two)


def test_offset_of_another_shape_is_refused() -> None:
    x, offset, weight = inputs(7, 1)
    with pytest.raises(ValueError, match="offset must be"):
        deform_conv2d(x, offset[:, :9], weight)
