"""Camera branch: gradient of frames, injected voxels, switches, guarded buffers, the same bits with two threads."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
import torch
from torch import Tensor

from labeldistill.data.batch import CameraMatrices
from labeldistill.models.camera_backbone import CameraBackbone, CameraShape, CameraSwitches

Make = Callable[..., CameraBackbone]


def make(**changes: Any) -> CameraBackbone:
    torch.manual_seed(0)
    settings: dict[str, Any] = {
        "grid_m": ((-8.0, 8.0, 1.0), (-8.0, 8.0, 1.0), (-5.0, 3.0, 8.0)),
        "depth_m": (1.0, 11.0, 1.0),
        "image_size_px": (32, 64),
        "stride": 16,
        "backbone_depth": 18,
        "backbone_base_channels": 4,
        "backbone_frozen_stages": 0,
        "neck_channels": (4, 4, 4, 4),
        "neck_upsample": (0.25, 0.5, 1, 2),
        "depth_net_channels": 8,
        "depth_net_aspp": False,
        "depth_net_deformable": True,
        "bev_channels": 6,
    }
    named = {field.name for field in fields(CameraSwitches)}
    switches = CameraSwitches(**{name: value for name, value in changes.items() if name in named})
    shapes = {name: value for name, value in changes.items() if name not in named}
    return CameraBackbone(CameraShape(**settings | shapes, switches=switches))


def scene(B: int = 2, F: int = 2, N: int = 2) -> tuple[Tensor, CameraMatrices]:  # noqa: N803
    """Cameras that look forward and back from 1.5 m above the ground; past frames one metre behind."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(B, F, N, 3, 32, 64, generator=generator)
    forward = torch.tensor([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 1.5], [0, 0, 0, 1]])
    back = torch.tensor([[0.0, 0, -1, 0], [1, 0, 0, 0], [0, -1, 0, 1.5], [0, 0, 0, 1]])
    poses = torch.stack([forward, back])[:N].expand(B, F, N, 4, 4).clone()
    poses[..., 0, 3] -= torch.arange(float(F)).view(1, F, 1)
    intrinsics = torch.tensor([[40.0, 0, 32, 0], [0, 40, 16, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    eye = torch.eye(4)
    return images, CameraMatrices(
        poses, intrinsics.expand(B, F, N, 4, 4), eye.expand(B, F, N, 4, 4), eye.expand(B, 4, 4)
    )


def test_frames_are_concatenated_and_only_the_key_frame_has_gradient() -> None:
    images, cameras = scene()
    images.requires_grad_()
    bev, depth = make().train()(images, cameras)
    assert bev.shape == (2, 12, 16, 16)
    assert depth.shape == (4, 10, 2, 4)
    torch.testing.assert_close(depth.sum(1), torch.ones(4, 2, 4))
    bev.square().sum().backward()
    per_frame = images.grad.abs().sum((0, 2, 3, 4, 5))
    assert per_frame[0] > 0
    assert per_frame[1] == 0


def test_a_frame_gives_the_same_map_alone_and_among_others() -> None:
    images, cameras = scene()
    model = make().eval()
    bev, _ = model(images, cameras)
    alone, _ = model(images[:, :1], cameras)
    torch.testing.assert_close(bev[:, :6], alone)
    past, _ = model.single_frame(images[:, 1], cameras, 1)
    torch.testing.assert_close(bev[:, 6:], past)


def test_light_ahead_lands_ahead() -> None:
    """Only the camera that looks forward has a context: every filled cell lies at positive x (columns 8 and up)."""
    images, cameras = scene(B=1, F=1, N=1)
    bev, _ = make().eval()(images, cameras)
    filled = bev[0].abs().sum(0)
    assert filled[:, 8:].any()
    assert not filled[:, :8].any()


def test_given_voxels_replace_the_computed_ones() -> None:
    from labeldistill.models.view_transform import frustum_to_ego, voxel_indices

    images, cameras = scene()
    model = make().eval()
    low = model.voxel_coord - model.voxel_size / 2
    voxels = [voxel_indices(frustum_to_ego(model.frustum, cameras, f), low, model.voxel_size) for f in range(2)]
    computed, _ = model(images, cameras)
    given, _ = model(images, cameras, voxels)
    assert torch.equal(computed, given)
    nowhere, _ = model(images, cameras, [torch.full_like(v, -1) for v in voxels])
    assert not nowhere.any()


def test_voxel_truncation_switch_drops_points_below_the_grid() -> None:
    _, cameras = scene()
    high = ((-8.0, 8.0, 1.0), (-8.0, 8.0, 1.0), (1.5, 3.5, 2.0))
    released, corrected = (make(grid_m=high, truncate_voxels=v).cells(cameras, 0) for v in (True, False))
    assert bool(((corrected == released) | (corrected == -1)).all())
    lost = (corrected == -1) & (released >= 0)
    points_below = lost.sum((0, 1, 2, 4))  # by image row: camera height is the lower border of the grid
    assert points_below[1] > 0
    assert points_below[0] == 0


def test_camera_vector_switch_changes_past_frames_only() -> None:
    images, cameras = scene()
    poses = cameras.sensor2ego.clone()
    poses[:, 1, :, 2, 3] += 0.2
    cameras = CameraMatrices(poses, cameras.intrinsics, cameras.ida, cameras.bda)
    released, _ = make(key_camera_vector=True).eval()(images, cameras)
    corrected, _ = make(key_camera_vector=False).eval()(images, cameras)
    assert torch.equal(released[:, :6], corrected[:, :6])
    assert not torch.allclose(released[:, 6:], corrected[:, 6:])


def test_frustum_switch_survives_loading_weights_made_under_the_other_value() -> None:
    corrected, released = make(frustum_centres=True), make()
    own = corrected.frustum.clone()
    assert not torch.equal(own, released.frustum)
    corrected.load_state_dict(released.state_dict())
    assert torch.equal(corrected.frustum, own)
    assert torch.equal(corrected.img_backbone.conv1.weight, released.img_backbone.conv1.weight)


@pytest.mark.parametrize(
    ("changes", "buffer"),
    [
        ({"depth_m": (2.0, 12.0, 1.0)}, "frustum"),
        ({"grid_m": ((-9.0, 7.0, 1.0), (-8.0, 8.0, 1.0), (-5.0, 3.0, 8.0))}, "voxel_coord"),
        ({"grid_m": ((-8.0, 8.0, 2.0), (-8.0, 8.0, 1.0), (-5.0, 3.0, 8.0))}, "voxel_num"),
    ],
)
def test_weights_of_another_geometry_are_refused(changes: dict[str, Any], buffer: str) -> None:
    with pytest.raises(RuntimeError, match=f"{buffer}: the weights belong to another grid"):
        make().load_state_dict(make(**changes).state_dict())


def test_images_of_another_size_are_refused() -> None:
    images, cameras = scene()
    with pytest.raises(ValueError, match=r"must be \(32, 64\) pixels, got \(32, 32\)"):
        make()(images[..., :32], cameras)


def test_memory_layouts_agree() -> None:
    images, cameras = scene()
    model = make().eval()
    last, _ = model(images, cameras)
    model.channels_last = False
    first, _ = model(images, cameras)
    torch.testing.assert_close(last, first, rtol=1e-4, atol=1e-5)


def test_same_bits_twice_and_with_two_threads() -> None:
    images, cameras = scene()
    seen = []
    for threads in (1, 1, 2):
        model = make().train()
        torch.set_num_threads(threads)
        try:
            bev, depth = model(images, cameras)
            (bev.square().sum() + depth.square().sum()).backward()
        finally:
            torch.set_num_threads(1)
        seen.append([bev, *(p.grad for p in model.parameters() if p.grad is not None)])
    assert all(torch.equal(a, b) for a, b in zip(seen[0], seen[1], strict=True))
    torch.testing.assert_close(seen[0], seen[2], rtol=1e-3, atol=1e-4)  # convolutions of oneDNN may round differently
