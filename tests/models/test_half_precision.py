"""What the release computes in half under mixed precision, beside float32; a CPU's autocast has half too."""

import math

import pytest
import torch
from switch_stages import settings
from torch import Tensor
from torch.nn.functional import one_hot

from labeldistill.data.batch import CameraMatrices
from labeldistill.inference.predict import detecting_precision
from labeldistill.models.camera_backbone import CameraSwitches
from labeldistill.models.centre_head.losses import clipped_sigmoid, focal_loss
from labeldistill.models.half_geometry import autocast_to_half, half_frustum_to_ego
from labeldistill.models.student import CameraStudent
from labeldistill.models.teacher import LidarTeacher
from labeldistill.models.view_transform import create_frustum, frustum_to_ego, voxel_indices
from labeldistill.ops.bev_pool import bev_pool
from labeldistill.ops.half_pool import half_bev_pool

HALF = torch.autocast("cpu", dtype=torch.float16)
LOW, SIZE = torch.tensor([-51.2, -51.2, -5.0]), torch.tensor([0.8, 0.8, 8.0])
FRUSTUM = create_frustum((256, 704), 16, (2.0, 58.0, 0.5))


def _cameras(resize: float = 0.44) -> CameraMatrices:
    """Six cameras of nuScenes' kind around a car, their images scaled and cropped to 256 x 704."""
    poses = []
    for number in range(6):
        yaw = number * math.pi / 3 + 0.1
        cos, sin = math.cos(yaw), math.sin(yaw)
        poses.append([[sin, 0, cos, 1.5 * cos], [-cos, 0, sin, 1.5 * sin], [0, -1, 0, 1.5], [0, 0, 0, 1]])
    intrinsics = torch.tensor([[1266.0, 0, 816, 0], [0, 1266, 491, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    ida = torch.eye(4)
    ida[0, 0] = ida[1, 1] = resize
    ida[1, 3] = -(900 * resize - 256)
    turn = torch.eye(4)
    turn[:2, :2] = torch.tensor([[0.98, -0.2], [0.2, 0.98]])
    return CameraMatrices(
        torch.tensor(poses)[None, None], intrinsics.expand(1, 1, 6, 4, 4), ida.expand(1, 1, 6, 4, 4), turn[None]
    )


def _by_autocast(cameras: CameraMatrices) -> Tensor:
    """The same chain of matrix products as torch's own autocast carries it out: [1, 6, D, h, w, 3]."""
    wide = (1, 6, 1, 1, 1, 4, 4)
    with HALF:
        pixels = cameras.ida[:, 0].inverse().view(wide) @ FRUSTUM[..., None]
        ray = torch.cat([pixels[..., :2, :] * pixels[..., 2:3, :], pixels[..., 2:, :]], dim=-2)
        camera_to_ego = cameras.sensor2ego[:, 0] @ cameras.intrinsics[:, 0].inverse()
        placed = cameras.bda.view(1, 1, 1, 1, 1, 4, 4) @ (camera_to_ego.view(wide) @ ray)
    assert placed.dtype is torch.float16
    return placed[..., :3, 0].float()


def test_the_half_frustum_is_what_autocast_makes_of_it() -> None:
    ours, theirs = half_frustum_to_ego(FRUSTUM, _cameras(), 0), _by_autocast(_cameras())
    assert torch.equal(ours.isnan().any(-1), theirs.isnan().any(-1))
    finite = ~ours.isnan()
    off = (ours - theirs)[finite].abs()
    assert off.max() <= 0.07  # two units in the last place of a half at 58 m: another order of four sums
    assert (off == 0).float().mean() > 0.9


def test_one_point_in_twenty_overflows_and_some_others_change_their_voxel() -> None:
    """The emulation of the issue: 5 % of the points NaN, 1.5 to 1.7 % of the finite ones in another voxel."""
    half, full = (place(FRUSTUM, _cameras(), 0) for place in (half_frustum_to_ego, frustum_to_ego))
    assert full.isfinite().all()
    lost = half.isnan().any(-1)
    assert lost.float().mean() == pytest.approx(0.05, abs=0.01)
    moved = (voxel_indices(half, LOW, SIZE) != voxel_indices(full, LOW, SIZE)).any(-1)
    assert 0.01 < moved[~lost].float().mean() < 0.03
    assert (voxel_indices(half, LOW, SIZE)[lost] == 0).all()  # what CUDA is said to make of NaN: the grid's corner


def test_half_pooling_rounds_every_lifted_feature() -> None:
    generator = torch.Generator().manual_seed(0)
    depth = torch.rand(4, 5, 2, 3, generator=generator).softmax(1).half()
    context = torch.randn(4, 6, 2, 3, generator=generator).half()
    cells = torch.randint(-1, 9, (2, 2, 5, 2, 3), generator=generator)
    lifted = (depth[:, :, None] * context[:, None]).float().view(2, 2, 5, 6, 2, 3)
    weights = one_hot(cells + 1, 10)[..., 1:].float()
    expected = torch.einsum("bndchw,bndhwk->bck", lifted, weights).half()
    found = half_bev_pool(depth, context, cells, (3, 3))
    assert found.dtype is torch.float16
    assert torch.allclose(found.flatten(2).float(), expected.float(), rtol=1e-3, atol=1e-4)
    full = bev_pool(depth, context, cells, (3, 3))
    assert torch.allclose(found.float(), full, rtol=1e-2, atol=1e-2)
    assert not torch.equal(found.float(), full)


def test_half_pooling_has_a_gradient() -> None:
    depth = torch.rand(2, 3, 2, 2).half().requires_grad_()
    context = torch.randn(2, 4, 2, 2).half().requires_grad_()
    half_bev_pool(depth, context, torch.zeros(1, 2, 3, 2, 2, dtype=torch.int64), (1, 1)).sum().backward()
    assert depth.grad is not None
    assert context.grad is not None
    assert torch.allclose(depth.grad, context.sum(1, keepdim=True).expand_as(depth), rtol=1e-2, atol=1e-2)
    assert torch.allclose(context.grad, depth.sum(1, keepdim=True).expand_as(context), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("switch", ["half_frustum", "half_lift"])
def test_a_camera_branch_obeys_its_switches_under_half_alone(switch: str) -> None:
    run = settings("student")
    assert run.student is not None
    models = []
    for value in (True, False):
        torch.manual_seed(0)
        off = {"half_frustum": False, "half_lift": False}
        models.append(CameraStudent(run.grid, run.student, switches=CameraSwitches(**{**off, switch: value})).eval())
    assert models[0].backbone.frustum.shape[0] == 16
    images = torch.randn(1, 3, 6, 3, 32, 64)
    cameras = CameraMatrices(
        *(m.expand(1, 3, 6, 4, 4) for m in vars(_small()).values() if m.dim() == 5), torch.eye(4)[None]
    )
    with torch.no_grad():
        plain = [model.backbone(images, cameras)[0] for model in models]
        with HALF:
            half = [model.backbone(images, cameras)[0].float() for model in models]
    assert torch.equal(*plain)
    assert not torch.equal(*half)


def _small() -> CameraMatrices:
    """Cameras whose images are 32 x 64 from the start: column times depth never overflows, but is rounded."""
    cameras = _cameras()
    intrinsics = torch.tensor([[50.0, 0, 32.3, 0], [0, 50, 16.7, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    eye = torch.eye(4).expand(1, 1, 6, 4, 4)
    return CameraMatrices(cameras.sensor2ego, intrinsics.expand(1, 1, 6, 4, 4), eye, torch.eye(4)[None])


def test_the_teachers_head_and_the_response_target_in_half() -> None:
    """In half a clipped probability of 0.9999 is 1: the response loss's positive part then fires."""
    run = settings("teacher")
    released, corrected = (
        LidarTeacher.from_settings(settings("teacher", teacher_head_precision=value)).eval()
        for value in ("released", "corrected")
    )
    features = [torch.randn(1, 8, 16, 16), torch.randn(1, 12, 8, 8)]
    with torch.no_grad(), HALF:
        kinds = [model.predict(features)[0]["heatmap"].dtype for model in (released, corrected)]
    assert kinds == [torch.float16, torch.float32]
    with torch.no_grad():
        assert released.predict(features)[0]["heatmap"].dtype is torch.float32
    assert run.released("teacher_head_precision")
    sure = torch.full((1, 1, 1, 1), 12.0)
    half, full = (clipped_sigmoid({"heatmap": logits}, in_place=False) for logits in (sure.half(), sure))
    assert (half.item(), full.item()) == (1.0, pytest.approx(0.9999))
    unsure = torch.full((1, 1, 1, 1), 0.2)
    assert focal_loss(unsure, half) > 1  # pulled up
    assert focal_loss(unsure, full) < 1e-10  # neither pulled nor pushed


@pytest.mark.filterwarnings("ignore:CUDA is not available")
def test_detecting_is_in_half_where_training_was_and_the_switch_says_so() -> None:
    gpu, cpu = torch.device("cuda"), torch.device("cpu")
    run = settings("student")
    mixed = run.model_copy(update={"training": run.training.model_copy(update={"precision": "16-mixed"})})
    corrected = mixed.model_copy(update={"switches": {**mixed.switches, "evaluation_precision": "corrected"}})
    found = [
        isinstance(detecting_precision(*each), torch.autocast)
        for each in ((mixed, gpu), (mixed, cpu), (run, gpu), (corrected, gpu))
    ]
    assert found == [True, False, False, False]
    assert not autocast_to_half(cpu)
    with HALF:
        assert autocast_to_half(cpu)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not autocast_to_half(cpu)
