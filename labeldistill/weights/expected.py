"""Names and shapes that a checkpoint of each kind must have, from our modules built without memory."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from labeldistill.config.load import load_study
from labeldistill.config.methods import STAGES, Stage
from labeldistill.config.runs import run_settings
from labeldistill.config.study import RunSettings, StudySettings
from labeldistill.errors import InputError
from labeldistill.models.resnet import BLOCKS, ResNet, stage_channels
from labeldistill.training.recipe import untrained_model
from labeldistill.weights.key_map import Kind
from labeldistill.weights.layouts import Shape

RELEASED: dict[Kind, tuple[str, ...]] = {
    Kind.labeldistill: ("paper-r50-5f", "paper-r50-3f", "paper-r101-3f"),
    Kind.label_encoder: ("paper-r50-5f",),
    Kind.centerpoint: ("paper-r50-5f",),
    Kind.mmdet3d_centerpoint: ("paper-r50-5f",),
    Kind.bevdepth: ("bevdepth-r50-1f", "bevdepth-r50-2f"),
}
"""The studies whose models are in the released checkpoints."""
CLASSES_OF_IMAGENET = 1000


@dataclass(frozen=True)
class Expected:
    """What a checkpoint must hold.

    Attributes:
        model: description of the model.
        shapes: our name -> shape.
        optional: prefixes of parts that may be absent as a whole.
    """

    model: str
    shapes: dict[str, Shape]
    optional: tuple[str, ...] = ()


def largest_variant(study: StudySettings) -> str:
    """The last variant with the largest number of terms, whose model has all parts."""
    return max(reversed(study.variants), key=lambda name: len(study.variants[name].terms))


def expected(kind: Kind, study: str | None = None) -> list[Expected]:
    """The models that a checkpoint of `kind` may contain.

    Args:
        kind: of the checkpoint.
        study: the study whose model it must fit; None: any that was released.

    Raises:
        InputError: an unknown study, or one whose settings contradict each other.
    """
    if kind is Kind.torchvision_resnet:
        return _resnets(None if study is None else load_study(study))
    names = (study,) if study is not None else RELEASED[kind]
    return [_of_study(kind, load_study(name)) for name in names]


def expected_of_run(run: RunSettings, model: str) -> Expected:
    """What a checkpoint that detects like `run` must hold; frozen networks and unused heads may be completely absent.

    Args:
        run: run of a student or a teacher.
        model: description of the model.
    """
    if run.stage == "student":
        return Expected(model, shapes_without_memory(lambda: untrained_model(run)), STAGES["student"].frozen)
    return Expected(model, shapes_without_memory(lambda: _teacher_experiment(run)))


def _of_study(kind: Kind, study: StudySettings) -> Expected:
    stage, variant, build = _MODELS[kind]
    unit = {"largest": largest_variant(study), "baseline": study.baseline, None: None}[variant]
    run = run_settings(study, stage, unit, study.teacher_seed)
    return Expected(f"{kind} of study {study.name}", shapes_without_memory(lambda: build(run)))


def shapes_without_memory(build: Callable[[], nn.Module]) -> dict[str, Shape]:
    """Names and shapes of the state of a module, built on the meta device."""
    with torch.device("meta"):
        return {name: tuple(value.shape) for name, value in build().state_dict().items()}


def _distilled(run: RunSettings) -> nn.Module:
    if set(run.needs.groups) != {"lidar", "label"}:
        raise InputError("no variant of this study has both feature terms: it is no LabelDistill", key="study")
    return untrained_model(run)


def _teacher(run: RunSettings) -> nn.Module:
    from labeldistill.models.teacher import LidarTeacher

    return LidarTeacher.from_settings(run)


def _teacher_experiment(run: RunSettings) -> nn.Module:
    from labeldistill.models.teacher import LidarTeacher, released_experiment

    teacher = LidarTeacher.from_settings(run)
    parts = nn.ModuleDict(dict(teacher.named_children()))
    parts["unused"] = nn.ModuleDict({"head": released_experiment(teacher)["head"]})
    return parts


def _label_encoder(run: RunSettings) -> nn.Module:
    from labeldistill.distillation.inverse import LabelInverse, released_experiment

    stored = released_experiment(LabelInverse.from_settings(run))
    unused = nn.ModuleDict({"head": stored.pop("head")})
    return nn.ModuleDict({**stored, "unused": unused})


def _camera(run: RunSettings) -> nn.Module:
    from labeldistill.models.student import CameraStudent

    return CameraStudent.from_settings(run)


_MODELS: dict[Kind, tuple[Stage, str | None, Callable[[RunSettings], nn.Module]]] = {
    Kind.labeldistill: ("student", "largest", _distilled),
    Kind.label_encoder: ("label-encoder", None, _label_encoder),
    Kind.centerpoint: ("teacher", None, _teacher_experiment),
    Kind.mmdet3d_centerpoint: ("teacher", None, _teacher),
    Kind.bevdepth: ("student", "baseline", _camera),
}


def _resnets(study: StudySettings | None) -> list[Expected]:
    depths = sorted(BLOCKS) if study is None else [study.student.backbone_depth]
    base = 64 if study is None else study.student.backbone_base_channels
    return [Expected(f"ResNet-{depth}", _resnet(depth, base)) for depth in depths]


def _resnet(depth: int, base: int) -> dict[str, Shape]:
    width = stage_channels(depth, base)[-1]
    classifier = {"unused.fc.weight": (CLASSES_OF_IMAGENET, width), "unused.fc.bias": (CLASSES_OF_IMAGENET,)}
    return {**shapes_without_memory(lambda: ResNet(depth, base_channels=base)), **classifier}
