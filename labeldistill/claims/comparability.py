"""Whether a claim is about what a study runs: its data, split and configuration, from a source that can be trusted."""

from typing import Any

from labeldistill.claims.claims import Claim
from labeldistill.config.runs import with_overrides
from labeldistill.config.study import StudySettings

FULL_DATA = {"train": "v1.0-trainval", "val": "v1.0-trainval", "test": "v1.0-test"}
"""nuScenes version that each official split belongs to."""


def why_not_comparable(study: StudySettings, unit: str, claim: Claim) -> str:
    """Why no verdict can be given on the claim, in words; empty when one can.

    Args:
        study: what was run.
        unit: `teacher`, `label-encoder` or the variant that the claim is set beside.
        claim: what was published.
    """
    if not study.comparable:
        return study.not_comparable_because
    return _data(study) or _source(claim) or _split(study, claim) or _configuration(study, unit, claim)


def _data(study: StudySettings) -> str:
    if study.data.synth is not None:
        return "another data set: a synthetic world"
    version = study.data.version
    return "" if version in FULL_DATA.values() else f"another data set: nuScenes {version}"


def _source(claim: Claim) -> str:
    if claim.confidence in ("primary", "quoted"):
        return ""
    return f"the claim's source is {claim.confidence} ({claim.source}), which never gives a verdict"


def _split(study: StudySettings, claim: Claim) -> str:
    scored = study.data.splits[study.evaluation_split]
    name = scored if isinstance(scored, str) else "a list of scenes"
    if claim.split is None:
        return f"the claim does not say on which split; this study is scored on {name}"
    if claim.split != scored or FULL_DATA.get(claim.split) != study.data.version:
        return f"another split: the claim is of {claim.split}, this study is scored on {name} of {study.data.version}"
    return ""


def resolved(study: StudySettings, unit: str) -> dict[str, Any]:
    """This study's configuration of a unit under the names that claims use."""
    if unit not in study.variants:
        return {"voxel_m": study.teacher.voxel_m, "epochs": study.teacher_training.epochs}
    seen = with_overrides(study, unit)
    return {
        "backbone": f"resnet{seen.student.backbone_depth}",
        "image": seen.student.image.size_px,
        "frames": seen.student.frame_offsets,
        "epochs": seen.student_training.epochs,
        "voxel_m": seen.teacher.voxel_m,
    }


def _configuration(study: StudySettings, unit: str, claim: Claim) -> str:
    ours, theirs = resolved(study, unit), claim.configuration.known()
    other = [name for name, value in theirs.items() if name in ours and ours[name] != value]
    if not other:
        return ""
    said = ", ".join(f"{name} {_plain(theirs[name])} there, {_plain(ours[name])} here" for name in other)
    return f"another configuration: {said}"


def _plain(value: Any) -> str:
    return str(list(value)) if isinstance(value, tuple) else str(value)


def reservations(study: StudySettings, claim: Claim) -> list[str]:
    """What a reader of the verdict must know besides: an inferred or unknown configuration, assumed settings."""
    found: list[str] = []
    if not claim.configuration.known():
        found.append("the claim's configuration is not known")
    elif claim.configuration_confidence not in (None, "primary"):
        found.append(f"the claim's configuration is {claim.configuration_confidence}, not published")
    if study.assumed:
        found.append(f"{len(study.assumed)} settings of this study are assumed")
    return found
