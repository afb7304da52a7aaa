"""Networks small enough for a test, and a batch of made-up key frames for them."""

from collections.abc import Callable

import pytest
import torch

from labeldistill.config.data import DataSettings, SynthSettings
from labeldistill.config.grid import GridSettings
from labeldistill.config.model import (
    BevAugmentationSettings,
    DistillationSettings,
    HeadSettings,
    ImageSettings,
    LabelEncoderSettings,
    StudentSettings,
    TeacherSettings,
)
from labeldistill.config.study import RunSettings
from labeldistill.config.switches import STAGES_OF_SWITCH, Switches
from labeldistill.config.terms import Term
from labeldistill.config.training import TrainingSettings
from labeldistill.data.batch import Batch, CameraMatrices

FULL: dict[Term, float] = {
    "detection": 1.0, "depth": 3.0, "lidar_feature": 0.3, "label_feature": 0.3, "response": 1.0,
}  # fmt: skip
GRID = GridSettings(x_m=(-12.8, 12.8, 1.6), y_m=(-12.8, 12.8, 1.6))
HEAD = HeadSettings(shared_channels=8, branch_channels=8, max_objects=20)

MakeRun = Callable[..., RunSettings]


def _make_run(
    stage: str = "student",
    terms: dict[Term, float] = FULL,
    corrected: tuple[str, ...] = (),
    released: tuple[str, ...] = (),
    frames: int = 3,
    grid: GridSettings = GRID,
    shares: dict[str, float] | None = None,
) -> RunSettings:
    switches = Switches().model_dump() | dict.fromkeys(corrected, "corrected") | dict.fromkeys(released, "released")
    student = StudentSettings(
        image=ImageSettings(size_px=(32, 64)),
        frame_offsets=tuple(range(0, -frames, -1)),
        backbone_depth=18,
        backbone_base_channels=4,
        neck_channels=(4, 4, 4, 4),
        neck_upsample=(0.5, 1, 2, 4),
        depth_m=(1.0, 13.0, 1.0),
        depth_net_channels=8,
        depth_net_deformable=False,
        depth_net_aspp=False,
        bev_channels=6,
        trunk_base_channels=9,
        bev_neck_channels=(4, 4, 4, 4),
        head=HEAD,
    )
    return RunSettings(
        stage=stage,
        seed=0,
        data=DataSettings(synth=SynthSettings()),
        grid=grid,
        bev_augmentation=BevAugmentationSettings(),
        training=TrainingSettings(steps=1),
        switches={name: value for name, value in switches.items() if stage in STAGES_OF_SWITCH[name]},
        teacher=TeacherSettings(
            voxel_m=(grid.x_m[2] / 8, grid.y_m[2] / 8, 0.2),
            encoder_channels=((4, 4, 4), (4, 4, 4), (4, 4, 4), (4, 4)),
            encoder_output_channels=4,
            second_channels=(8, 12),
            second_layers=(1, 1),
            neck_channels=(8, 8),
            head=HEAD,
        ),
        label_encoder=LabelEncoderSettings(hidden_channels=16, head=HEAD),
        student=student if stage == "student" else None,
        distillation=DistillationSettings(**({"partition": shares} if shares else {})) if stage == "student" else None,
        terms=terms if stage == "student" else {},
    )


@pytest.fixture
def make_run() -> MakeRun:
    return _make_run


@pytest.fixture
def batch() -> Batch:
    return make_batch()


def make_batch(samples: int = 2, frames: int = 3, cameras: int = 2) -> Batch:
    generator = torch.Generator().manual_seed(7)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    boxes = []
    for _ in range(samples):
        b = drawn(6, 9)
        b[:, :2] = b[:, :2] * 20 - 10
        b[:, 3:6] = b[:, 3:6] * 3 + 1
        b[:, 6] = b[:, 6] * 6 - 3
        boxes.append(b)
    points = drawn(samples, 400, 5) * torch.tensor([24.0, 24.0, 4.0, 255.0, 0.5])
    points[..., :3] -= torch.tensor([12.0, 12.0, 3.0])
    depth = drawn(samples, cameras, 32, 64) * 14
    return Batch(
        images=torch.randn(samples, frames, cameras, 3, 32, 64, generator=generator),
        cameras=_cameras(samples, frames, cameras),
        depth=torch.where(drawn(samples, cameras, 32, 64) < 0.05, depth, 0.0),
        points=points,
        boxes=boxes,
        labels=[torch.randint(0, 10, (6,), generator=generator) for _ in range(samples)],
        tokens=[f"token{i}" for i in range(samples)],
    )


def _cameras(samples: int, frames: int, cameras: int) -> CameraMatrices:
    """Cameras 1.5 m above the ground that look along +x and -x."""
    intrinsics = torch.tensor([[40.0, 0, 32, 0], [0, 40, 16, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    forward = torch.tensor([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 1.5], [0, 0, 0, 1]])
    backward = torch.tensor([[0.0, 0, -1, 0], [1, 0, 0, 0], [0, -1, 0, 1.5], [0, 0, 0, 1]])
    poses = torch.stack([(forward, backward)[n % 2] for n in range(cameras)])
    size = (samples, frames, cameras, 4, 4)
    eye = torch.eye(4)
    return CameraMatrices(
        poses.expand(size).clone(), intrinsics.expand(size).clone(), eye.expand(size).clone(), eye.repeat(samples, 1, 1)
    )
