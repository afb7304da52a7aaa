"""The whole student: released parameter counts and names, wiring of switches, odd image sizes, gradient."""

import pytest
import torch

from labeldistill.config.grid import GridSettings
from labeldistill.config.load import load_study
from labeldistill.config.model import StudentSettings
from labeldistill.config.runs import run_settings
from labeldistill.config.study import RunSettings
from labeldistill.data.batch import CameraMatrices
from labeldistill.errors import InputError
from labeldistill.models.student import CameraStudent


def run_of(**switches: str) -> RunSettings:
    run = run_settings(load_study("smoke"), "student", "baseline", 0)
    released = dict.fromkeys(run.switches, "released")  # whatever the study itself has
    return run.model_copy(update={"switches": released | switches})


def count(settings: StudentSettings) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in CameraStudent(GridSettings(), settings).parameters())


def test_full_size_parameter_counts_are_the_released_ones() -> None:
    stock = {"bev_channels": 80, "trunk_base_channels": 160}
    assert count(StudentSettings(frame_offsets=(0,), **stock)) == 75_752_270
    assert count(StudentSettings(frame_offsets=(0, -1), **stock)) == 76_384_590
    assert count(StudentSettings()) == 127_960_180
    assert count(StudentSettings(frame_offsets=(0, -2, -4, -6, -8))) == 132_389_380


def test_released_switches_reach_the_model() -> None:
    student = CameraStudent.from_settings(run_of())
    assert student.backbone.switches.truncate_voxels
    assert student.backbone.switches.key_camera_vector
    assert student.backbone.frustum[0, 0, 0, 0] == 0
    assert float(student.head.task_heads[0].heatmap[1].bias.detach().abs().max()) < 0.1


def test_corrected_switches_reach_the_model() -> None:
    names = ("voxel_truncation", "camera_vector_frame", "frustum_centres", "head_bias")
    student = CameraStudent.from_settings(run_of(**dict.fromkeys(names, "corrected")))
    assert not student.backbone.switches.truncate_voxels
    assert not student.backbone.switches.key_camera_vector
    assert student.backbone.frustum[0, 0, 0, 0] > 0
    for task in student.head.task_heads:
        assert torch.equal(task.heatmap[1].bias, torch.full_like(task.heatmap[1].bias, -2.19))


def test_smoke_student_sees_and_learns() -> None:
    torch.manual_seed(0)
    run = run_of()
    assert run.student is not None
    student = CameraStudent.from_settings(run).train()
    frames, (height, width) = len(run.student.frame_offsets), run.student.image.size_px
    pose = torch.tensor([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 1.5], [0, 0, 0, 1]])
    intrinsics = torch.tensor([[100.0, 0, width / 2, 0], [0, 100, height / 2, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    every = (1, frames, 6, 4, 4)
    eye = torch.eye(4)
    cameras = CameraMatrices(pose.expand(every), intrinsics.expand(every), eye.expand(every), eye.expand(1, 4, 4))
    out = student(torch.randn(1, frames, 6, 3, height, width), cameras)
    nx, ny = run.grid.cells_xy
    channels = run.student.bev_channels * frames
    assert [tuple(f.shape[1:]) for f in out.features] == [
        (channels, ny, nx),
        (run.student.trunk_base_channels, ny // 2, nx // 2),
    ]
    assert out.predictions[0]["heatmap"].shape == (1, 1, ny, nx)
    assert out.depth.shape == (6, len(student.backbone.frustum), height // 8, width // 8)
    sum(v.square().mean() for task in out.predictions for v in task.values()).backward()
    without = {n for n, p in student.named_parameters() if p.requires_grad and p.grad is None}
    assert without == set()
    first = student.backbone.img_backbone.layer1[0]
    assert float(first.bn2.weight.grad.abs().sum()) > 0  # what lies before it follows once it has left zero
    assert not first.conv1.weight.grad.any()
    with pytest.raises(ValueError, match="frames, the batch has"):
        student(torch.zeros(1, frames + 1, 6, 3, height, width), cameras)


def test_a_run_without_a_student_is_refused() -> None:
    run = run_settings(load_study("smoke"), "teacher", None, 0)
    with pytest.raises(InputError, match="student"):
        CameraStudent.from_settings(run)
