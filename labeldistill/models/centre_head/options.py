"""The switches that act on a centre head, bundled so that teacher, label encoder and student apply them alike."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from labeldistill.config.grid import GridSettings
from labeldistill.config.model import HeadSettings
from labeldistill.config.study import RunSettings
from labeldistill.models.centre_head.decode import Detections, decode
from labeldistill.models.centre_head.head import HeadOutput
from labeldistill.models.centre_head.losses import LossSwitches, detection_loss, response_loss
from labeldistill.models.centre_head.targets import Targets, build_targets


@dataclass(frozen=True)
class HeadOptions:
    """How one run builds targets, computes losses and decodes; the defaults are those of the release.

    Attributes:
        truncate_centres: centre cells are rounded toward zero, not down (`centre_truncation`).
        old_radius: CornerNet's first radius formula (`gaussian_radius`).
        inplace_sigmoid: losses overwrite the heatmap logits (`inplace_sigmoid`).
        mask_nan: NaN target entries are left out of the loss (`nan_targets`; the release does not).
        gated_target: the response target is the teacher's heatmap times the ground truth's (`response_target`).
        squared_distance: circle NMS compares its radius with the squared distance (`nms_distance`).
        per_device: depth and feature losses are divided by each device's own count, and the detection loss's number of
            positives is clamped after its mean over devices (`device_normalisation`).
        half_teacher_head: the teacher's head computes under mixed precision (`teacher_head_precision`).
    """

    truncate_centres: bool = True
    old_radius: bool = True
    inplace_sigmoid: bool = True
    mask_nan: bool = False
    gated_target: bool = True
    squared_distance: bool = True
    per_device: bool = True
    half_teacher_head: bool = True

    @classmethod
    def from_run(cls, run: RunSettings) -> "HeadOptions":
        """Read the switches of a run; one that does not act on its stage counts as released."""
        return cls(
            truncate_centres=run.released("centre_truncation"),
            old_radius=run.released("gaussian_radius"),
            inplace_sigmoid=run.released("inplace_sigmoid"),
            mask_nan=not run.released("nan_targets"),
            gated_target=run.released("response_target"),
            squared_distance=run.released("nms_distance"),
            per_device=run.released("device_normalisation"),
            half_teacher_head=run.released("teacher_head_precision"),
        )

    def targets(
        self, boxes: Sequence[Tensor], labels: Sequence[Tensor], grid: GridSettings, head: HeadSettings
    ) -> Targets:
        """`build_targets` with these options.

        Args:
            boxes: B tensors [n, 9] as in `Batch.boxes` (metres, radians, m/s).
            labels: B tensors [n] int64 class indices.
            grid: range and cell size.
            head: overlap and least radius of the bumps, slots per task.
        """
        return build_targets(
            boxes, labels, grid, head, truncate_centres=self.truncate_centres, old_radius=self.old_radius
        )

    def detection_loss(self, targets: Targets, predictions: HeadOutput, head: HeadSettings) -> Tensor:
        """`detection_loss` with these options."""
        return detection_loss(targets, predictions, head, self._losses)

    def response_loss(
        self, targets: Targets, student: HeadOutput, teacher: HeadOutput, head: HeadSettings
    ) -> tuple[Tensor, Tensor]:
        """`response_loss` with these options.

        Args:
            targets: output of `build_targets`.
            student: the student's predictions.
            teacher: the teacher's predictions; no gradient reaches them.
            head: code weights and weight of the box term.

        Returns:
            Detection loss and response loss, scalars.
        """
        return response_loss(targets, student, teacher, head, self._losses)

    @property
    def _losses(self) -> LossSwitches:
        return LossSwitches(self.inplace_sigmoid, self.mask_nan, self.gated_target, self.per_device)

    def decode(self, predictions: HeadOutput, grid: GridSettings, head: HeadSettings) -> list[Detections]:
        """`decode` with these options."""
        return decode(predictions, grid, head, squared_distance=self.squared_distance)
