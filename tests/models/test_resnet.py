"""ResNet: torchvision's parameter counts, the start as an identity, frozen stages, the trunk's variant."""

import subprocess
import sys

import pytest
import torch

from labeldistill.models.resnet import Projection, ResNet


@pytest.mark.parametrize(("depth", "count"), [(18, 11_176_512), (34, 21_284_672), (50, 23_508_032), (101, 42_500_160)])
def test_parameters_are_as_many_as_torchvision_has_without_its_classifier(depth: int, count: int) -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in ResNet(depth).parameters()) == count


@pytest.mark.parametrize("depth", [18, 50])
def test_stages_halve_and_widen(depth: int) -> None:
    net = ResNet(depth, base_channels=4)
    shapes = [tuple(x.shape) for x in net(torch.zeros(1, 3, 64, 96))]
    expansion = 1 if depth == 18 else 4
    assert shapes == [(1, 4 * expansion * 2**i, 16 // 2**i, 24 // 2**i) for i in range(4)]
    assert [s[1] for s in shapes] == net.out_channels


def test_trunk_keeps_the_stem_resolution_and_returns_asked_stages() -> None:
    trunk = ResNet(18, in_channels=5, base_channels=4, strides=(1, 2, 2), out_indices=(0, 2), max_pool=False)
    assert [tuple(x.shape) for x in trunk(torch.zeros(2, 5, 16, 16))] == [(2, 4, 8, 8), (2, 16, 2, 2)]
    assert not any("maxpool" in name for name in trunk.state_dict())


def test_blocks_start_as_identities() -> None:
    stage = ResNet(18, base_channels=4).layer1
    x = torch.randn(2, 4, 6, 6)
    assert torch.equal(stage(x), x.relu())
    for module in stage.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.ones_(module.weight)
    assert not torch.equal(stage(x), x.relu())


def test_frozen_stem_takes_no_gradient_and_keeps_its_statistics_in_training() -> None:
    net = ResNet(18, base_channels=4, frozen_stages=0).train()
    before = net.bn1.running_mean.clone()
    net(torch.randn(2, 3, 32, 32))[-1].sum().backward()
    assert torch.equal(net.bn1.running_mean, before)
    assert net.conv1.weight.grad is None
    assert net.layer1[0].conv1.weight.grad is not None
    assert net.layer1[0].bn1.training
    assert {n for n, p in net.named_parameters() if not p.requires_grad} == {"conv1.weight", "bn1.weight", "bn1.bias"}


def test_frozen_stage_stays_in_eval_mode_after_train() -> None:
    net = ResNet(18, base_channels=4, frozen_stages=1)
    net.eval().train()
    assert not net.layer1[1].bn2.training
    assert net.layer2[0].bn1.training
    assert not any(p.requires_grad for p in net.layer1.parameters())


def test_unknown_depth_is_named() -> None:
    with pytest.raises(ValueError, match="got 20"):
        ResNet(20)


@pytest.mark.parametrize("in_channels", [4, 7, 8])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_projection_is_a_plain_strided_convolution(
    in_channels: int, stride: int, layout: torch.memory_format
) -> None:
    torch.manual_seed(0)
    ours, plain = Projection(in_channels, 12, stride), torch.nn.Conv2d(in_channels, 12, 1, stride, bias=False).double()
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(2, in_channels, 9, 14).contiguous(memory_format=layout).requires_grad_()
    exact = x.detach().double().requires_grad_()
    out, expected = ours(x), plain(exact)
    torch.testing.assert_close(out.double(), expected, rtol=1e-5, atol=1e-5)
    out.sin().sum().backward()
    expected.sin().sum().backward()
    torch.testing.assert_close(x.grad.double(), exact.grad, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours.weight.grad.double(), plain.weight.grad, rtol=1e-4, atol=1e-4)


NARROW_STEPS = """
import torch
from labeldistill.models.resnet import Projection
kept = []
for _ in range(100):
    x = torch.randn(4, 4, 32, 64).contiguous(memory_format=torch.channels_last).requires_grad_()
    layer = Projection(4, 8, 2)
    layer(x).square().sum().backward()
    kept.append((x.grad.clone(), layer.weight.grad.clone()))
    kept = kept[-20:]
"""


def test_a_narrow_projection_does_not_write_behind_its_buffers() -> None:
    """With a plain convolution this process hangs or dies on a processor without AVX-512 (oneDNN 3.12)."""
    done = subprocess.run([sys.executable, "-c", NARROW_STEPS], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-500:]
