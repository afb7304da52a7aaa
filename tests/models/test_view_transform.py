"""Frustum and geometry: values by hand, the pinhole camera as oracle, both ways of rounding to voxels."""

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from labeldistill.data.batch import CameraMatrices
from labeldistill.models.view_transform import create_frustum, frustum_to_ego, voxel_indices


def rigid(generator: torch.Generator, translation_m: float) -> Tensor:
    """A random rotation (QR of a random matrix, made proper) and translation, float64."""
    rotation, _ = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64))
    matrix = torch.eye(4, dtype=torch.float64)
    matrix[:3, :3] = rotation * torch.linalg.det(rotation).sign()
    matrix[:3, 3] = translation_m * torch.randn(3, generator=generator, dtype=torch.float64)
    return matrix


def random_cameras(seed: int, B: int = 2, F: int = 2, N: int = 3) -> CameraMatrices:  # noqa: N803
    generator = torch.Generator().manual_seed(seed)
    intrinsics, ida, bda = (torch.eye(4, dtype=torch.float64) for _ in range(3))
    intrinsics[:3, :3] = torch.tensor([[1266.0, 0, 816], [0, 1266, 491], [0, 0, 1]])
    angle = 0.05
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    ida[:2, :2], ida[:2, 3] = 0.48 * turn, torch.tensor([-32.0, -176.0])
    bda[:3, :3] = 1.03 * torch.diag(torch.tensor([1.0, -1.0, 1.0]))
    poses = torch.stack([rigid(generator, 1.5) for _ in range(B * F * N)]).view(B, F, N, 4, 4)
    every = (B, F, N, 4, 4)
    return CameraMatrices(poses, intrinsics.expand(every), ida.expand(every), bda.expand(B, 4, 4))


def test_released_frustum_by_hand() -> None:
    frustum = create_frustum((32, 64), 16, (2.0, 4.0, 0.5))
    assert frustum.shape == (4, 2, 4, 4)
    assert frustum[0, 0, :, 0].tolist() == [0.0, 21.0, 42.0, 63.0]
    assert frustum[0, :, 0, 1].tolist() == [0.0, 31.0]
    assert frustum[:, 0, 0, 2].tolist() == [2.0, 2.5, 3.0, 3.5]
    assert frustum[..., 3].unique().tolist() == [1.0]


def test_corrected_frustum_takes_centres() -> None:
    frustum = create_frustum((32, 64), 16, (2.0, 4.0, 0.5), centres=True)
    assert frustum[0, 0, :, 0].tolist() == [8.0, 24.0, 40.0, 56.0]
    assert frustum[0, :, 0, 1].tolist() == [8.0, 24.0]
    assert frustum[:, 0, 0, 2].tolist() == [2.25, 2.75, 3.25, 3.75]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), frame=st.integers(0, 1))
def test_points_project_back_to_their_pixels_and_depths(seed: int, frame: int) -> None:
    cameras = random_cameras(seed)
    frustum = create_frustum((32, 64), 16, (2.0, 10.0, 2.0)).double()
    points = frustum_to_ego(frustum, cameras, frame)
    homogeneous = torch.cat([points, torch.ones_like(points[..., :1])], -1)
    for b in range(2):
        for n in range(3):
            to_camera = (cameras.bda[b] @ cameras.sensor2ego[b, frame, n]).inverse()
            camera = homogeneous[b, n] @ to_camera.T
            pixel = camera @ cameras.intrinsics[b, frame, n].T
            pixel = torch.cat([pixel[..., :2] / pixel[..., 2:3], pixel[..., 2:]], -1)
            pixel = pixel @ cameras.ida[b, frame, n].T
            torch.testing.assert_close(pixel[..., :2], frustum[..., :2], rtol=1e-9, atol=1e-7)
            torch.testing.assert_close(camera[..., 2], frustum[..., 2], rtol=1e-9, atol=1e-9)


def test_geometry_is_in_float32_under_mixed_precision() -> None:
    cameras = random_cameras(1)
    cameras = CameraMatrices(*(m.float() for m in vars(cameras).values()))
    frustum = create_frustum((32, 64), 16, (2.0, 58.0, 4.0))
    plain = frustum_to_ego(frustum, cameras, 0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = frustum_to_ego(frustum, cameras, 0)
    assert torch.equal(plain, mixed)


def test_truncation_pools_points_below_the_grid_into_its_first_voxel() -> None:
    low, size = torch.tensor([-4.0, -4.0, -5.0]), torch.tensor([1.0, 1.0, 8.0])
    points = torch.tensor([[-4.5, 0.0, -12.9], [-5.1, 0.0, -13.1], [0.5, 3.9, 2.9]])
    assert voxel_indices(points, low, size).tolist() == [[0, 4, 0], [-1, 4, -1], [4, 7, 0]]
    assert voxel_indices(points, low, size, truncate=False).tolist() == [[-1, 4, -1], [-2, 4, -2], [4, 7, 0]]
