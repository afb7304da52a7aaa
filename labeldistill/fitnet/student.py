"""The student of FitNets: a camera student with a regressor from each of its two scales to the teacher's features."""

from dataclasses import replace

from torch import nn

from labeldistill.config.study import RunSettings
from labeldistill.data.batch import Batch
from labeldistill.distillation.label_encoder import LabelEncoder
from labeldistill.distillation.model import DistilledStudent
from labeldistill.distillation.term_inputs import FeaturePair, TermInputs
from labeldistill.errors import InputError
from labeldistill.fitnet.imitation_loss import PAIR
from labeldistill.models.resnet import stage_channels
from labeldistill.models.student import CameraStudent
from labeldistill.models.teacher import LidarTeacher


class FitNetStudent(DistilledStudent):
    """A camera student that imitates the LiDAR teacher's BEV features without a partition of its channels.

    The regressors are 1 x 1 convolutions (the convolutional regressor of FitNets at equal size); they exist if
    the variant lists the term `imitation`, and inference does not use them.

    Args:
        run: settings of a student run of the method `fitnet`.
        student: the camera student.
        teacher: the trained LiDAR teacher; None builds a model that can detect but not train the term.
        label_encoder: None; no term of the method uses one.

    Raises:
        InputError: the term `imitation` without the teacher's settings.
    """

    def __init__(
        self,
        run: RunSettings,
        student: CameraStudent,
        teacher: LidarTeacher | None = None,
        label_encoder: LabelEncoder | None = None,
    ) -> None:
        super().__init__(run, student, teacher, label_encoder)
        if PAIR not in run.terms or run.student is None:
            return
        if run.teacher is None:
            raise InputError("the term needs the teacher's settings: its channels are what is imitated", key="teacher")
        width = run.student.bev_channels * len(run.student.frame_offsets)
        trunk = stage_channels(run.student.trunk_depth, run.student.trunk_base_channels)[0]
        self.regressors = nn.ModuleList(
            nn.Conv2d(ours, theirs, 1) for ours, theirs in zip((width, trunk), run.teacher.second_channels, strict=True)
        )

    def term_inputs(self, batch: Batch) -> TermInputs:
        """As for every distilled student, plus the pairs of regressed and teacher features."""
        inputs = super().term_inputs(batch)
        if PAIR not in self.terms or inputs.teacher is None:
            return inputs
        adapted = [regress(x) for regress, x in zip(self.regressors, inputs.features, strict=True)]
        return replace(inputs, pairs={**inputs.pairs, PAIR: FeaturePair(adapted, inputs.teacher.features)})
