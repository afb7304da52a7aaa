"""The one builder of run settings for tests: every network, small enough to train a step in a test."""

from typing import Any

from labeldistill.config.data import DataSettings, SynthSettings
from labeldistill.config.grid import GridSettings
from labeldistill.config.methods import Stage
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

FULL: dict[Term, float] = {"detection": 1.0, "depth": 3.0, "lidar_feature": 0.3, "label_feature": 0.3, "response": 1.0}
"""All terms with the released weights."""
CELL_M = 1.6
GRID = GridSettings(x_m=(-12.8, 12.8, CELL_M), y_m=(-12.8, 12.8, CELL_M))
HEAD = HeadSettings(shared_channels=8, branch_channels=8, max_objects=20)
STUDENT = StudentSettings(
    image=ImageSettings(size_px=(32, 64)),
    frame_offsets=(0, -1, -2),
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


def tiny_run(
    stage: Stage = "student",
    *,
    terms: dict[Term, float] | None = None,
    corrected: tuple[str, ...] = (),
    released: tuple[str, ...] = (),
    shares: dict[str, float] | None = None,
    student: dict[str, Any] | None = None,
    **settings: Any,
) -> RunSettings:
    """A run with tiny networks.

    Args:
        stage: what is trained.
        terms: loss terms of a student; None: all of them.
        corrected, released: switches that differ from their defaults; they must act on the stage.
        shares: partition of a student's features; None: the default.
        student: changes to `STUDENT`.
        settings: any other field of `RunSettings`, such as `data`, `grid`, `seed` or `training`.
    """
    is_student, grid = stage == "student", settings.get("grid", GRID)
    switches = {name: value for name, value in Switches().model_dump().items() if stage in STAGES_OF_SWITCH[name]}
    assert set(corrected) | set(released) <= set(switches)
    fields: dict[str, Any] = {
        "seed": 0,
        "data": DataSettings(synth=SynthSettings()),
        "grid": grid,
        "bev_augmentation": BevAugmentationSettings(),
        "training": TrainingSettings(steps=1),
        "teacher": TeacherSettings(
            voxel_m=(grid.x_m[2] / 8, grid.y_m[2] / 8, 0.2),
            encoder_channels=((4, 4, 4), (4, 4, 4), (4, 4, 4), (4, 4)),
            encoder_output_channels=4,
            second_channels=(8, 12),
            second_layers=(1, 1),
            neck_channels=(8, 8),
            head=HEAD,
        ),
        "label_encoder": None if stage == "teacher" else LabelEncoderSettings(hidden_channels=16, head=HEAD),
        "student": STUDENT.model_copy(update=student or {}) if is_student else None,
        "distillation": DistillationSettings(**({"partition": shares} if shares else {})) if is_student else None,
        "terms": (FULL if terms is None else terms) if is_student else {},
    }
    switches |= dict.fromkeys(corrected, "corrected") | dict.fromkeys(released, "released")
    return RunSettings(stage=stage, switches=switches, **fields | settings)
