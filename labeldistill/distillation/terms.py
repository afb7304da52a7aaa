"""The variants as rows of terms: what each term compares, and nothing computed that a row doesn't list."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from labeldistill.config.model import HeadSettings
from labeldistill.config.study import RunSettings, Term
from labeldistill.distillation.depth_loss import depth_loss
from labeldistill.distillation.label_feature_loss import label_feature_loss
from labeldistill.distillation.lidar_feature_loss import lidar_feature_loss
from labeldistill.models.centre_head.head import HeadOutput
from labeldistill.models.centre_head.options import HeadOptions
from labeldistill.models.centre_head.targets import Targets


@dataclass(frozen=True)
class FeaturePair:
    """Features of the two scales, [B, C_i, h_i, w_i] each: the adapted group of the student, what it imitates."""

    adapted: list[Tensor]
    target: list[Tensor]


@dataclass(frozen=True)
class TermInputs:
    """Everything the terms of one step compare; None where no term of the row asks for it.

    Attributes:
        predictions: of the student.
        features: of the student at the two scales: the BEV maps of all frames, the trunk's first stage.
        depth: [B * N, D, h, w] the student's depth distribution of the key frame.
        targets: of the detection heads.
        lidar_depth: [B, N, H, W] metres.
        teacher_predictions: of the LiDAR teacher.
        lidar: LiDAR group and the teacher's features.
        label: label group and the label encoder's features.
    """

    predictions: HeadOutput
    features: list[Tensor]
    depth: Tensor
    targets: Targets
    lidar_depth: Tensor | None = None
    teacher_predictions: HeadOutput | None = None
    lidar: FeaturePair | None = None
    label: FeaturePair | None = None


@dataclass(frozen=True)
class TermOptions:
    """Settings and switches that the terms obey."""

    head: HeadOptions
    head_settings: HeadSettings
    stride: int
    depth_m: tuple[float, float, float]
    summed_mask: bool

    @classmethod
    def from_settings(cls, run: RunSettings) -> "TermOptions":
        """The rules of a student run."""
        assert run.student is not None
        return cls(
            head=HeadOptions.from_run(run),
            head_settings=run.student.head,
            stride=run.student.stride,
            depth_m=run.student.depth_m,
            summed_mask=run.released("feature_mask"),
        )


def _depth(seen: TermInputs, rules: TermOptions) -> Tensor:
    assert seen.lidar_depth is not None, "the term `depth` needs the batch's depth maps"
    return depth_loss(seen.depth, seen.lidar_depth, rules.stride, rules.depth_m)


def _lidar_feature(seen: TermInputs, rules: TermOptions) -> Tensor:
    assert seen.lidar is not None
    return lidar_feature_loss(
        seen.lidar.adapted, seen.lidar.target, seen.targets.heatmaps, summed_mask=rules.summed_mask
    )


def _label_feature(seen: TermInputs, rules: TermOptions) -> Tensor:
    assert seen.label is not None
    return label_feature_loss(seen.label.adapted, seen.label.target, seen.targets.heatmaps)


FEATURE_TERMS: dict[Term, Callable[[TermInputs, TermOptions], Tensor]] = {
    "depth": _depth,
    "lidar_feature": _lidar_feature,
    "label_feature": _label_feature,
}
"""Terms that stand alone; `detection` and `response` come from the heads together (`_head_terms`)."""


def _head_terms(seen: TermInputs, rules: TermOptions, with_response: bool) -> dict[Term, Tensor]:
    """Detection, and response if asked for: in one call, since under the release's in-place sigmoid a second loss on
    the same predictions would apply the sigmoid twice.
    """
    if not with_response:
        return {"detection": rules.head.detection_loss(seen.targets, seen.predictions, rules.head_settings)}
    assert seen.teacher_predictions is not None
    detection, response = rules.head.response_loss(
        seen.targets, seen.predictions, seen.teacher_predictions, rules.head_settings
    )
    return {"detection": detection, "response": response}


def weighted_terms(terms: Mapping[Term, float], seen: TermInputs, rules: TermOptions) -> dict[Term, Tensor]:
    """Each listed term times its weight, a scalar each, in the order listed."""
    heads = _head_terms(seen, rules, "response" in terms)
    return {
        term: weight * (heads[term] if term in heads else FEATURE_TERMS[term](seen, rules))
        for term, weight in terms.items()
    }
