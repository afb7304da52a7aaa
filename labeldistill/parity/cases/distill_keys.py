"""Names and shapes of the full-size student with its teachers, and of the label-encoder stage."""

from collections.abc import Iterator
from math import prod

import torch
from torch import nn

from labeldistill.config.grid import GridSettings
from labeldistill.config.model import LabelEncoderSettings, StudentSettings, TeacherSettings
from labeldistill.distillation.inverse import LabelInverse, released_experiment
from labeldistill.distillation.label_encoder import LabelEncoder
from labeldistill.distillation.model import DistilledStudent
from labeldistill.models.teacher import LidarTeacher
from labeldistill.parity import compare
from labeldistill.parity.case import GoldenFolder, case
from labeldistill.parity.cases.recorded_run import FULL_TERMS, released_run
from labeldistill.parity.compare import Comparison

BUFFERS = ("running_mean", "running_var", "num_batches_tracked", "voxel_size", "voxel_coord", "voxel_num", "frustum")


def full_size_student(frame_offsets: tuple[int, ...]) -> DistilledStudent:
    """The released model with all terms at full size, without memory for its values."""
    run = released_run(
        "student",
        GridSettings(),
        teacher=TeacherSettings(),
        label_encoder=LabelEncoderSettings(),
        student=StudentSettings(frame_offsets=frame_offsets),
        terms=FULL_TERMS,
    )
    with torch.device("meta"):
        return DistilledStudent.from_settings(run, LidarTeacher.from_settings(run), LabelEncoder.from_settings(run))


def _compare(model: nn.Module, recorded: dict[str, list[int]]) -> Iterator[Comparison]:
    ours = {name: list(value.shape) for name, value in model.state_dict().items()}
    yield compare.exact("names and shapes", ours, recorded)
    yield compare.exact("order of names", list(ours), list(recorded))
    wanted = sum(prod(shape) for name, shape in recorded.items() if not name.endswith(BUFFERS))
    yield compare.exact("number of parameters", sum(p.numel() for p in model.parameters()), wanted)


@case("12_keys_labeldistill_r50_2key.json")
def student_3_frames(folder: GoldenFolder) -> Iterator[Comparison]:
    """Three frames: the key frame and two past ones, which the release calls 2key."""
    yield from _compare(full_size_student((0, -2, -4)), folder.load("12_keys_labeldistill_r50_2key.json"))


@case("12_keys_labeldistill_r50_4key.json")
def student_5_frames(folder: GoldenFolder) -> Iterator[Comparison]:
    """Five frames: the key frame and four past ones."""
    yield from _compare(full_size_student((0, -2, -4, -6, -8)), folder.load("12_keys_labeldistill_r50_4key.json"))


@case("12_keys_labelencoder_step1.json")
def label_encoder_stage(folder: GoldenFolder) -> Iterator[Comparison]:
    """The label-encoder stage with the camera head that the released experiment stores beside it."""
    run = released_run("label-encoder", GridSettings(), teacher=TeacherSettings(), label_encoder=LabelEncoderSettings())
    with torch.device("meta"):
        model = released_experiment(LabelInverse.from_settings(run))
    yield from _compare(model, folder.load("12_keys_labelencoder_step1.json"))
