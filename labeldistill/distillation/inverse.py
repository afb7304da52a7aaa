"""The label-encoder stage: from boxes back to boxes through the frozen teacher's neck and head (paper 3.2)."""

from torch import Tensor, nn

from labeldistill.config.study import RunSettings
from labeldistill.data.batch import Batch
from labeldistill.distillation.label_encoder import LabelEncoder
from labeldistill.distillation.label_map import LabelMapOptions, LabelMaps, draw_label_maps
from labeldistill.errors import InputError
from labeldistill.models.centre_head.decode import Detections
from labeldistill.models.centre_head.head import HeadOutput
from labeldistill.models.centre_head.losses import positive_counts
from labeldistill.models.centre_head.options import HeadOptions
from labeldistill.models.centre_head.targets import Targets
from labeldistill.models.teacher import LidarTeacher
from labeldistill.models.teacher import released_experiment as teacher_experiment


class LabelInverse(nn.Module):
    """The label encoder as the approximate inverse of the teacher's neck and head, which are frozen.

    Submodules are named as released: `label_encoder`, `centerpoint` (the whole teacher, of which only `pts_neck` and
    `pts_bbox_head` are used).

    Args:
        run: settings of a label-encoder run.
        teacher: teacher trained on the same grid; its parameters are frozen here.
    """

    def __init__(self, run: RunSettings, teacher: LidarTeacher) -> None:
        super().__init__()
        if run.label_encoder is None:
            raise InputError(f"a {run.stage} run without a label encoder", key="label_encoder")
        self.grid, self.head_settings = run.grid, run.label_encoder.head
        self.head_options, self.map_options = HeadOptions.from_run(run), LabelMapOptions.from_settings(run)
        self.teacher_follows = run.released("teacher_mode")
        self.sees_evaluation_boxes = not run.released("label_encoder_eval")
        self.label_encoder = LabelEncoder.from_settings(run)
        self.centerpoint = teacher
        self.centerpoint.requires_grad_(False)
        self.train(self.training)

    @classmethod
    def from_settings(cls, run: RunSettings, teacher: LidarTeacher | None = None) -> "LabelInverse":
        """The model of a label-encoder run; without `teacher`, the teacher has random weights.

        Raises:
            InputError: the run has no label encoder or no teacher.
        """
        return cls(run, LidarTeacher.from_settings(run) if teacher is None else teacher)

    def train(self, mode: bool = True) -> "LabelInverse":
        """Set the mode; under the released switch `teacher_mode` the teacher's BatchNorm follows into training."""
        super().train(mode)
        self.centerpoint.train(mode and self.teacher_follows)
        return self

    def forward(self, maps: LabelMaps) -> HeadOutput:
        """Output of the teacher's neck and head for label maps: one dict of maps per task."""
        return self.centerpoint.predict(self.label_encoder(maps))

    def positives(self, batch: Batch) -> Tensor:
        """Positive cells and used slots of a batch, what its loss is divided by; see `positive_counts`."""
        return positive_counts(self._targets(batch))

    def _targets(self, batch: Batch) -> Targets:
        return self.head_options.targets(batch.boxes, batch.labels, self.grid, self.head_settings)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """`{"detection": scalar}`: the teacher's detection loss on the input boxes."""
        targets = self._targets(batch)
        predictions = self(draw_label_maps(batch.boxes, batch.labels, self.grid, self.map_options))
        return {"detection": self.head_options.detection_loss(targets, predictions, self.head_settings)}

    def detect(self, batch: Batch) -> list[Detections]:
        """The boxes decoded from the label maps of the batch's boxes.

        Under the released switch `label_encoder_eval` the input is empty: the release's validation set has no ground
        truth, so its auto-encoder can't be evaluated.
        """
        kept = None if self.sees_evaluation_boxes else 0
        boxes, labels = [b[:kept] for b in batch.boxes], [x[:kept] for x in batch.labels]
        predictions = self(draw_label_maps(boxes, labels, self.grid, self.map_options))
        return self.head_options.decode(predictions, self.grid, self.head_settings)


def released_experiment(model: LabelInverse) -> nn.ModuleDict:
    """The stage as the released experiment stores it, for reading and writing complete released checkpoints.

    The experiment also holds stock BEVDepth's camera head (`head`), of which it only uses loss functions.
    """
    teacher = teacher_experiment(model.centerpoint)
    parts = {"head": teacher["head"], "label_encoder": model.label_encoder, "centerpoint": teacher["centerpoint"]}
    return nn.ModuleDict(parts)
