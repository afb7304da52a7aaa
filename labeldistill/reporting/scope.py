"""What a study's findings hold for, in words: its data, and the teachers of its students."""

from labeldistill.config.runs import run_settings
from labeldistill.config.study import StudySettings

GIVEN = "given this teacher"


def data_scope(study: StudySettings) -> str:
    """Where the runs were scored: "in the embedded world", "on nuScenes val"."""
    if study.data.synth is not None:
        return "in the embedded world"
    split = study.data.splits[study.evaluation_split]
    named = split if isinstance(split, str) else "a list of scenes"
    full = study.data.version in ("v1.0-trainval", "v1.0-test")
    return f"on nuScenes {named}" if full else f"on {named} of nuScenes {study.data.version}"


def needs_teacher(study: StudySettings, variant: str) -> bool:
    """Whether a variant is trained by the LiDAR teacher, or by the label encoder that was made from it."""
    settings = run_settings(study, "student", variant, study.seeds[0])
    return settings.teacher is not None


def teacher_scope(study: StudySettings, *variants: str) -> str:
    """ "given this teacher" if all seeds of a variant share one, "over N teachers" if it has several; otherwise empty.

    Another teacher could have changed all seeds of such a variant alike, which no spread over seeds shows.
    """
    if not any(variant in study.variants and needs_teacher(study, variant) for variant in variants):
        return ""
    several = len(study.teacher_seeds())
    return GIVEN if several == 1 else f"over {several} teachers"


def scope(study: StudySettings, *variants: str) -> str:
    """Both, as the beginning of a sentence about these variants."""
    return ", ".join(filter(None, (data_scope(study), teacher_scope(study, *variants))))
