"""Depth net: the camera vector by hand, camera awareness, the parts that can be left out, the pyramid."""

import pytest
import torch
from torch.nn.functional import conv2d

from labeldistill.data.batch import CameraMatrices
from labeldistill.models.aspp import Aspp
from labeldistill.models.depth_net import CAMERA_VECTOR, CameraGate, DeformableConv, DepthNet, camera_vector


def numbered_cameras() -> CameraMatrices:
    """Matrices whose entries are all different: 1000 s + 100 f + 10 n + position."""

    def numbered(scale: float) -> torch.Tensor:
        place = torch.arange(16.0).view(4, 4)
        frame = 100 * torch.arange(2.0).view(1, 2, 1, 1, 1)
        return scale + frame + 20 * torch.arange(3.0).view(1, 1, 3, 1, 1) + place.expand(1, 2, 3, 4, 4)

    return CameraMatrices(numbered(1000), numbered(2000), numbered(3000), 5000 + torch.arange(16.0).view(1, 4, 4))


@pytest.mark.parametrize("frame", [0, 1])
def test_camera_vector_by_hand(frame: int) -> None:
    vector = camera_vector(numbered_cameras(), frame)
    assert vector.shape == (3, CAMERA_VECTOR)
    shift = 100 * frame + 20  # of the second camera
    expected = [2000 + shift + i for i in (0, 5, 2, 6)]  # fx, fy, cx, cy
    expected += [3000 + shift + i for i in (0, 1, 3, 4, 5, 7)]
    expected += [5000 + i for i in (0, 1, 4, 5, 10)]
    expected += [1000 + shift + i for i in range(12)]
    assert vector[1].tolist() == expected


def test_shapes_and_what_can_be_left_out() -> None:
    x, camera = torch.randn(6, 8, 4, 6), torch.randn(6, CAMERA_VECTOR)
    for aspp in (True, False):
        for deformable in (True, False):
            net = DepthNet(8, 8, 5, 7, aspp=aspp, deformable=deformable)
            logits, context = net(x, camera)
            assert logits.shape == (6, 7, 4, 6)
            assert context.shape == (6, 5, 4, 6)
            assert any(isinstance(m, Aspp) for m in net.modules()) == aspp
            assert any(isinstance(m, DeformableConv) for m in net.modules()) == deformable


def test_another_camera_gives_another_depth_for_the_same_image() -> None:
    net = DepthNet(8, 8, 5, 7, aspp=False, deformable=False).eval()
    x = torch.randn(1, 8, 4, 6).expand(2, -1, -1, -1)
    logits, context = net(x, torch.randn(2, CAMERA_VECTOR))
    assert not torch.allclose(logits[0], logits[1])
    assert not torch.allclose(context[0], context[1])


def test_gate_scales_channels_by_a_sigmoid_of_the_camera() -> None:
    gate = CameraGate(4)
    x, camera = torch.randn(2, 4, 3, 3), torch.randn(2, 4)
    hidden = torch.relu(camera @ gate.conv_reduce.weight[:, :, 0, 0].T + gate.conv_reduce.bias)
    factor = torch.sigmoid(hidden @ gate.conv_expand.weight[:, :, 0, 0].T + gate.conv_expand.bias)
    torch.testing.assert_close(gate(x, camera), x * factor[..., None, None])


def test_deformable_layer_starts_as_a_plain_grouped_convolution() -> None:
    layer, x = DeformableConv(8), torch.randn(2, 8, 5, 6)
    torch.testing.assert_close(layer(x), conv2d(x, layer.weight, padding=1, groups=4), rtol=1e-5, atol=1e-5)


def test_pyramid_mean_branch_sees_the_whole_map() -> None:
    pyramid = Aspp(2, 3).eval()
    for branch in (pyramid.aspp1, pyramid.aspp2, pyramid.aspp3, pyramid.aspp4):
        torch.nn.init.zeros_(branch.atrous_conv.weight)
    torch.nn.init.ones_(pyramid.global_avg_pool[1].weight)
    torch.nn.init.ones_(pyramid.conv1.weight)
    x = torch.rand(1, 2, 4, 5)
    out = pyramid(x)
    mean = 3 * x.mean((2, 3)).sum() / (1 + 1e-5)  # three equal branches summed, two BatchNorms of variance 1 + eps
    torch.testing.assert_close(out, mean.expand(1, 3, 4, 5), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("branch", "dilation"), [("aspp2", 6), ("aspp3", 12), ("aspp4", 18)])
def test_pyramid_branches_reach_as_far_as_their_dilation(branch: str, dilation: int) -> None:
    x = torch.zeros(1, 1, 41, 41)
    x[0, 0, 20, 20] = 1
    hit = getattr(Aspp(1, 1), branch).atrous_conv(x)[0, 0].nonzero()
    assert sorted({int(v) for v in hit.flatten()}) == [20 - dilation, 20, 20 + dilation]


def test_dropout_acts_in_training_only() -> None:
    pyramid = Aspp(4, 16)
    x = torch.randn(2, 4, 6, 6)
    assert torch.equal(pyramid.eval()(x), pyramid(x))
    zeros = (pyramid.train()(x) == 0).float().mean() - (pyramid.relu(torch.randn(2, 16, 6, 6)) == 0).float().mean()
    assert float(zeros) > 0.1
