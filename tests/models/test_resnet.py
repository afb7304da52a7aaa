"""ResNet: torchvision's parameter counts, the start as an identity, frozen stages, the trunk's variant."""

import pytest
import torch

from labeldistill.models.resnet import ResNet


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
