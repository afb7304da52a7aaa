"""What a loss term receives: the outputs of one step, and the settings and switches that apply."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from labeldistill.config.model import HeadSettings
from labeldistill.config.study import RunSettings
from labeldistill.models.centre_head.head import HeadOutput
from labeldistill.models.centre_head.options import HeadOptions
from labeldistill.models.centre_head.targets import Targets
from labeldistill.models.teacher import TeacherOutput


@dataclass(frozen=True)
class FeaturePair:
    """Features to compare, [B, C_i, h_i, w_i] for each scale.

    Attributes:
        adapted: features of the student after its adaptor.
        target: the features that they imitate, without gradient.
    """

    adapted: list[Tensor]
    target: list[Tensor]


@dataclass(frozen=True)
class TermInputs:
    """Everything that the terms of one step compare; None where no term needs it.

    Attributes:
        predictions: output of the student's head.
        features: two scales of the student: the BEV maps of all frames, and the trunk's first stage.
        depth: [B * N, D, h, w] the student's depth distribution of the key frame.
        targets: training targets of the head.
        lidar_depth: [B, N, H, W] metres.
        teacher: output of the LiDAR teacher for the same key frames.
        pairs: name of a channel group (or of a method's own comparison) -> features that are compared.
    """

    predictions: HeadOutput
    features: list[Tensor]
    depth: Tensor
    targets: Targets
    lidar_depth: Tensor | None = None
    teacher: TeacherOutput | None = None
    pairs: Mapping[str, FeaturePair] = field(default_factory=dict)


@dataclass(frozen=True)
class TermOptions:
    """Settings and switches of the terms.

    Attributes:
        head: switches of the centre head.
        head_settings: its loss weights and limits.
        stride: image pixels per feature cell.
        depth_m: low, high and step of the depth bins, metres.
        summed_mask: released behaviour of switch `feature_mask`.
    """

    head: HeadOptions
    head_settings: HeadSettings
    stride: int
    depth_m: tuple[float, float, float]
    summed_mask: bool

    @classmethod
    def from_settings(cls, run: RunSettings) -> "TermOptions":
        """The options of a student run."""
        assert run.student is not None
        return cls(
            head=HeadOptions.from_run(run),
            head_settings=run.student.head,
            stride=run.student.stride,
            depth_m=run.student.depth_m,
            summed_mask=run.released("feature_mask"),
        )
