"""SECOND: scales, names, and its layers one by one."""

import torch
from torch.nn import functional as F

from labeldistill.models.second import Second


def test_a_scale_a_stage() -> None:
    model = Second(6, (8, 12, 16), (1, 0, 2), (1, 2, 2))
    shapes = [tuple(scale.shape) for scale in model(torch.randn(2, 6, 16, 24))]
    assert shapes == [(2, 8, 16, 24), (2, 12, 8, 12), (2, 16, 4, 6)]


def test_a_stage_is_convolution_norm_relu_in_turn() -> None:
    torch.manual_seed(0)
    model = Second(3, (4,), (1,), (2,)).eval()
    for name, buffer in model.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 2)
    x = torch.randn(1, 3, 9, 9)
    expected = x
    for index, stride in ((0, 2), (3, 1)):
        block = model.blocks[0]
        expected = F.conv2d(expected, block[index].weight, stride=stride, padding=1)
        expected = F.relu(expected / (block[index + 1].running_var[:, None, None] + 1e-3).sqrt())
    torch.testing.assert_close(model(x)[0], expected)


def test_names_are_the_released_ones() -> None:
    names = set(Second(3, (4, 5), (1, 1), (1, 2)).state_dict())
    layers = [f"blocks.{stage}.{index}" for stage in range(2) for index in (0, 3)]
    norms = [f"blocks.{stage}.{index}" for stage in range(2) for index in (1, 4)]
    expected = {f"{layer}.weight" for layer in layers} | {
        f"{norm}.{leaf}"
        for norm in norms
        for leaf in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    }
    assert names == expected


def test_norms_have_the_release_s_settings() -> None:
    norms = [m for m in Second(3, (4,), (2,), (1,)).modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 0.01)}
