"""From a study to the settings of one run: teacher, label encoder, or the student of a variant and seed."""

from typing import Any

from labeldistill.config.load import validated
from labeldistill.config.methods import STAGES, Stage, parents_of
from labeldistill.config.model import RANDOM
from labeldistill.config.study import RunSettings, StudySettings
from labeldistill.config.switches import STAGES_OF_SWITCH
from labeldistill.config.terms import LABELDISTILL, needs_of
from labeldistill.errors import InputError


def with_overrides(study: StudySettings, variant: str) -> StudySettings:
    """The study as `variant` sees it: its dotted `overrides` applied and validated again.

    Raises:
        InputError: unknown variant, or an override of an unknown setting.
    """
    if variant not in study.variants:
        raise InputError(f"unknown variant; known: {', '.join(study.variants)}", key=f"variants.{variant}")
    overrides = study.variants[variant].overrides
    if not overrides:
        return study
    tree: dict[str, Any] = study.model_dump()
    for dotted, value in overrides.items():
        node = tree
        *path, last = dotted.split(".")
        for part in path:
            node = (node.get(part) if isinstance(node, dict) else None) or {}
        if not isinstance(node, dict) or last not in node:
            raise InputError("is not the name of a setting", key=f"variants.{variant}.overrides.{dotted}")
        node[last] = value
    return validated(tree, [(_pseudo_file(study, variant), {})])


def _pseudo_file(study: StudySettings, variant: str) -> Any:
    return f"study {study.name}, variant {variant}, overrides"


def run_settings(study: StudySettings, stage: Stage, variant: str | None, seed: int) -> RunSettings:
    """Settings of one run.

    Args:
        study: the study that the run belongs to.
        stage: what is trained.
        variant: variant of the study; None for teacher and label encoder means the study without overrides.
        seed: seed of the run.

    Returns:
        Resolved settings; parts that the stage does not use are None.

    Raises:
        InputError: unknown variant; a student without a variant.
    """
    if variant is None and stage == "student":
        raise InputError("a student run needs a variant", key="variant")
    seen = study if variant is None else with_overrides(study, variant)
    student = stage == "student"
    terms = seen.variants[variant].terms if student and variant is not None else {}
    needs = needs_of(terms)
    parents = parents_of(stage, needs)
    encoder_seen = stage == "label-encoder" or "label-encoder" in parents
    acting = {k: v for k, v in seen.switches.model_dump().items() if stage in STAGES_OF_SWITCH[k]}
    return RunSettings(
        stage=stage,
        seed=seed + (seen.variants[variant].seed_shift if student and variant is not None else 0),
        data=seen.data,
        grid=seen.grid,
        bev_augmentation=seen.bev_augmentation,
        training=getattr(seen, STAGES[stage].training),
        switches=acting,
        teacher=seen.teacher if stage == "teacher" or parents else None,
        label_encoder=seen.label_encoder if encoder_seen else None,
        student=seen.student if student else None,
        distillation=seen.distillation if needs.groups else None,
        method=seen.method if student else LABELDISTILL,
        terms=dict(terms),
    )


def unstarted(run: RunSettings) -> RunSettings:
    """The run without a word on what it starts from: for detecting, and where the files are not there yet."""
    student = run.student and run.student.model_copy(update={"pretrained_backbone": None, "pretrained": RANDOM})
    teacher = run.teacher and run.teacher.model_copy(update={"pretrained": None})
    encoder = run.label_encoder and run.label_encoder.model_copy(update={"pretrained": RANDOM})
    return run.model_copy(update={"student": student, "teacher": teacher, "label_encoder": encoder})
