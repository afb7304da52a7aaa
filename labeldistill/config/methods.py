"""What can be trained, and from what: the stages of a study, and the methods, each a list of stages.

A method is a student and the stages that it learns from. Each loss term names the methods it belongs to
(`config.terms`). A second distillation paper is a room of its own with a student, and one line in `METHODS`.
"""

from dataclasses import dataclass
from typing import Literal

from labeldistill.config.terms import LABELDISTILL, Needs

Stage = Literal["teacher", "label-encoder", "student"]


@dataclass(frozen=True)
class StageSpec:
    """One kind of training run.

    Attributes:
        name: name of the stage, and the unit of its runs unless these are variants.
        training: the setting of a study that holds its length, optimiser and schedule.
        model: `module:class` with `from_settings`; None: the method's student.
        parents: stages whose weights each of its runs starts from; those of a student follow from its terms.
        frozen: prefixes of state names that the stage holds but does not train.
        sensors: inputs that its detections use, as named in the official result format.
    """

    name: Stage
    training: str
    model: str | None
    parents: tuple[Stage, ...] = ()
    frozen: tuple[str, ...] = ()
    sensors: tuple[str, ...] = ("camera",)


STAGES: dict[Stage, StageSpec] = {
    "teacher": StageSpec("teacher", "teacher_training", "labeldistill.models.teacher:LidarTeacher", sensors=("lidar",)),
    "label-encoder": StageSpec(
        "label-encoder",
        "label_encoder_training",
        "labeldistill.distillation.inverse:LabelInverse",
        parents=("teacher",),
        frozen=("centerpoint.",),
        sensors=("external",),  # boxes in, boxes out: the round trip of the ground truth
    ),
    "student": StageSpec("student", "student_training", None, frozen=("centerpoint.", "label_encoder.")),
}
"""Name -> stage, parents before children."""

FIXED_UNITS: tuple[Stage, ...] = ("teacher", "label-encoder")
"""Units that are not variants of a study."""


@dataclass(frozen=True)
class MethodSpec:
    """One method.

    Attributes:
        name: what studies call it.
        student: `module:class` with `from_settings(run, teacher, label_encoder)`.
        stages: what is trained, parents before children.
        source: the publication.
    """

    name: str
    student: str
    stages: tuple[Stage, ...]
    source: str


_DISTILLED = "labeldistill.distillation.model:DistilledStudent"

METHODS: dict[str, MethodSpec] = {
    spec.name: spec
    for spec in (
        MethodSpec(LABELDISTILL, _DISTILLED, ("teacher", "label-encoder", "student"), "LabelDistill, ECCV 2024"),
        MethodSpec("bevdepth", _DISTILLED, ("student",), "BEVDepth, AAAI 2023"),
        MethodSpec("fitnet", "labeldistill.fitnet.student:FitNetStudent", ("teacher", "student"), "FitNets, ICLR 2015"),
    )
}
"""Name -> method."""


def stage_of(unit: str) -> Stage:
    """The stage that trains a unit: `teacher` and `label-encoder` are stages, every other unit is a student variant."""
    return next((stage for stage in FIXED_UNITS if stage == unit), "student")


def parents_of(stage: Stage, needs: Needs) -> tuple[Stage, ...]:
    """Stages whose weights a run starts from, given what its terms need."""
    wanted = [*STAGES[stage].parents]
    if stage == "student":
        wanted += ["teacher"] if needs.teacher else []
        wanted += ["label-encoder"] if needs.label_encoder else []
    return tuple(wanted)
