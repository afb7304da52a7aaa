"""SECOND's pyramid: sizes, both kinds of stride 1, BatchNorm settings, start, images that are not multiples of 32."""

import pytest
import torch
from torch import nn

from labeldistill.models.second_fpn import SecondFpn


def test_scales_meet_in_one_map() -> None:
    neck = SecondFpn([2, 3, 4, 5], [1, 2, 3, 4], [0.25, 0.5, 1, 2])
    scales = [torch.randn(2, c, 32 // 2**i, 48 // 2**i) for i, c in enumerate((2, 3, 4, 5))]
    assert neck(scales).shape == (2, 10, 8, 12)


def test_kernels_and_weight_layouts() -> None:
    neck = SecondFpn([2, 3, 4, 5], [6] * 4, [0.25, 0.5, 1, 2])
    shapes = [tuple(block[0].weight.shape) for block in neck.deblocks]
    assert shapes == [(6, 2, 4, 4), (6, 3, 2, 2), (4, 6, 1, 1), (5, 6, 2, 2)]
    assert isinstance(SecondFpn([4], [6], [1], use_conv_for_no_stride=True).deblocks[0][0], nn.Conv2d)
    assert neck.deblocks[0][1].eps == 1e-3
    assert neck.deblocks[0][1].momentum == 0.01


def test_both_kinds_of_stride_one_compute_the_same_with_transposed_weights() -> None:
    up, plain = SecondFpn([4], [6], [1]), SecondFpn([4], [6], [1], use_conv_for_no_stride=True)
    plain.deblocks[0][0].weight.data = up.deblocks[0][0].weight.data.transpose(0, 1)
    x = torch.randn(2, 4, 5, 5)
    torch.testing.assert_close(up([x]), plain([x]))


def test_transposed_convolutions_start_with_kaiming_fan_out() -> None:
    weight = SecondFpn([64], [32], [4]).deblocks[0][0].weight.detach()
    assert float(weight.std()) == pytest.approx((2 / (64 * 16)) ** 0.5, rel=0.05)


def test_surplus_of_a_rounded_up_scale_is_cut_right_and_bottom() -> None:
    neck = SecondFpn([1, 1], [1, 1], [1, 4]).eval()
    for block in neck.deblocks:
        nn.init.ones_(block[0].weight)
    coarse = torch.arange(6.0).view(1, 1, 1, 6)
    out = neck([torch.zeros(1, 1, 4, 22), coarse])[0, 1, 0]  # 22 cells are 5.5 coarse ones
    torch.testing.assert_close(out, coarse.flatten().repeat_interleave(4)[:22], rtol=1e-3, atol=0)


def test_scales_that_do_not_belong_together_are_refused() -> None:
    neck = SecondFpn([1, 1], [1, 1], [1, 2])
    with pytest.raises(ValueError, match="do not meet"):
        neck([torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)])
    with pytest.raises(ValueError, match="takes 2 scales"):
        neck([torch.zeros(1, 1, 8, 8)])
