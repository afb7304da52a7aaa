"""The student in training: camera student, adaptors, frozen LiDAR teacher and label encoder (paper 3)."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from labeldistill.config.study import RunSettings
from labeldistill.config.terms import Term
from labeldistill.data.batch import Batch
from labeldistill.distillation.adaptor import DistillAdaptor
from labeldistill.distillation.label_encoder import LabelEncoder
from labeldistill.distillation.label_map import LabelMapOptions, draw_label_maps
from labeldistill.distillation.partition import Group, Partition
from labeldistill.distillation.term_inputs import FeaturePair, TermInputs, TermOptions
from labeldistill.distillation.terms import weighted_terms
from labeldistill.errors import InputError
from labeldistill.models.centre_head.decode import Detections
from labeldistill.models.centre_head.losses import positive_counts
from labeldistill.models.centre_head.targets import Targets
from labeldistill.models.resnet import stage_channels
from labeldistill.models.student import CameraStudent, StudentOutput
from labeldistill.models.teacher import LidarTeacher, TeacherOutput


class DistilledStudent(nn.Module):
    """A camera student and whatever its loss terms need besides; with all five terms it is the released model.

    Submodules are named as released: `backbone`, `head` (the camera student), `distill_encoder_lidar`,
    `distill_encoder_label` (adaptors), `centerpoint` (LiDAR teacher), `label_encoder`; those that no term needs
    are not built. Teacher and label encoder get no gradient. Inference uses `backbone` and `head` alone.

    Args:
        run: settings of a student run.
        student: the camera student.
        teacher: the trained LiDAR teacher; None builds a model that can detect but not train a term that needs it.
        label_encoder: the trained label encoder; None likewise.

    Raises:
        InputError: a run without a student, or feature terms without settings of distillation or teacher.
    """

    distill_encoder_lidar: DistillAdaptor
    distill_encoder_label: DistillAdaptor
    centerpoint: LidarTeacher
    label_encoder: LabelEncoder

    def __init__(
        self,
        run: RunSettings,
        student: CameraStudent,
        teacher: LidarTeacher | None = None,
        label_encoder: LabelEncoder | None = None,
    ) -> None:
        super().__init__()
        if run.student is None:
            raise InputError(f"a {run.stage} run without a student", key="student")
        self.grid, self.head_settings = run.grid, run.student.head
        self.terms: Mapping[Term, float] = run.terms
        self.needs = run.needs
        self.frame_offsets = run.student.frame_offsets
        self.term_options = TermOptions.from_settings(run)
        self.teacher_follows = run.released("teacher_mode")
        self.backbone, self.head = student.backbone, student.head
        self._add_adaptors(run)
        if teacher is not None and self.needs.teacher:
            self.centerpoint = teacher
        if label_encoder is not None and self.needs.label_encoder:
            self.map_options = LabelMapOptions.from_settings(run)
            self.label_encoder = label_encoder
        self.partitions = partitions(run) if run.distillation is not None else []
        for module in self.frozen().values():
            module.requires_grad_(False)
        self.train(self.training)

    @classmethod
    def from_settings(
        cls, run: RunSettings, teacher: LidarTeacher | None = None, label_encoder: LabelEncoder | None = None
    ) -> "DistilledStudent":
        """The model of a student run with a new camera student.

        Raises:
            InputError: see the class.
        """
        return cls(run, CameraStudent.from_settings(run), teacher, label_encoder)

    def _add_adaptors(self, run: RunSettings) -> None:
        if not self.needs.groups:
            return
        # both are initialised in this order, whichever is kept, so that a seed gives every variant the same weights
        groups: tuple[Group, Group] = ("lidar", "label")
        drawn = {group: _adaptor(run, group) for group in groups}
        for group, adaptor in drawn.items():
            if group not in self.needs.groups:
                continue
            if adaptor is None:
                raise InputError(
                    f"gives the group `{group}`, which a term uses, no channels", key="distillation.partition"
                )
            self.add_module(f"distill_encoder_{group}", adaptor)

    def frozen(self) -> dict[str, nn.Module]:
        """Teacher and label encoder by name, where they exist."""
        names = ("centerpoint", "label_encoder")
        return {name: self.get_submodule(name) for name in names if name in self._modules}

    def train(self, mode: bool = True) -> "DistilledStudent":
        """Set the mode; under the released switch `teacher_mode` the frozen teachers follow into training mode.

        So they do in the release, where Lightning puts the whole module into training mode: their BatchNorm layers then
        use and update batch statistics.
        """
        super().train(mode)
        for module in self.frozen().values():
            module.train(mode and self.teacher_follows)
        return self

    def forward(self, batch: Batch) -> StudentOutput:
        """Output of the camera student for a batch with images and cameras."""
        assert batch.images is not None
        assert batch.cameras is not None
        if batch.images.shape[1] != len(self.frame_offsets):
            raise ValueError(f"the student sees {len(self.frame_offsets)} frames, not {batch.images.shape[1]}")
        bev, depth = self.backbone(batch.images, batch.cameras)
        predictions, features = self.head(bev)
        return StudentOutput(predictions, features, depth)

    def losses(self, batch: Batch) -> dict[Term, Tensor]:
        """Each loss term times its weight, a scalar each; nothing else is computed."""
        return weighted_terms(self.terms, self.term_inputs(batch), self.term_options)

    def detect(self, batch: Batch) -> list[Detections]:
        """Boxes of every sample of a batch with images and cameras."""
        return self.term_options.head.decode(self(batch).predictions, self.grid, self.head_settings)

    def term_inputs(self, batch: Batch) -> TermInputs:
        """Run the student and the networks that the terms compare it with."""
        out = self(batch)
        taught = self._teacher_output(batch)
        pairs: dict[str, FeaturePair] = {}
        if taught is not None and "lidar" in self.needs.groups:
            pairs["lidar"] = self._pair("lidar", out.features, taught.features)
        if "label" in self.needs.groups:
            pairs["label"] = self._pair("label", out.features, self._label_features(batch))
        return TermInputs(
            predictions=out.predictions,
            features=out.features,
            depth=out.depth,
            targets=self._targets(batch),
            lidar_depth=batch.depth,
            teacher=taught,
            pairs=pairs,
        )

    def positives(self, batch: Batch) -> Tensor:
        """Positive cells and used slots of a batch, what its detection loss is divided by; see `positive_counts`."""
        return positive_counts(self._targets(batch))

    def _targets(self, batch: Batch) -> Targets:
        return self.term_options.head.targets(batch.boxes, batch.labels, self.grid, self.head_settings)

    def _pair(self, group: Group, features: list[Tensor], target: list[Tensor]) -> FeaturePair:
        adaptor: DistillAdaptor = self.get_submodule(f"distill_encoder_{group}")  # type: ignore[assignment]
        parts = [p.take(x, group) for p, x in zip(self.partitions, features, strict=True)]
        return FeaturePair(adaptor(parts), target)

    @torch.no_grad()
    def _teacher_output(self, batch: Batch) -> TeacherOutput | None:
        if not self.needs.teacher:
            return None
        if "centerpoint" not in self._modules or batch.points is None:
            raise InputError(f"the terms {', '.join(self.terms)} need a LiDAR teacher and points", key="terms")
        return self.centerpoint(batch.points)  # type: ignore[no-any-return]

    @torch.no_grad()
    def _label_features(self, batch: Batch) -> list[Tensor]:
        if "label_encoder" not in self._modules:
            raise InputError(f"the terms {', '.join(self.terms)} need a label encoder", key="terms")
        maps = draw_label_maps(batch.boxes, batch.labels, self.grid, self.map_options)
        return self.label_encoder(maps)  # type: ignore[no-any-return]


def partitions(run: RunSettings) -> list[Partition]:
    """Partitions of the two scales that distillation compares: the BEV maps of all frames, and the trunk's stage 1."""
    if run.student is None or run.distillation is None:
        raise InputError("feature terms need the settings of student and distillation", key="distillation")
    frames = len(run.student.frame_offsets)
    blocks = 1 if run.released("partition_axis") else frames
    shares = run.distillation.partition
    return [
        Partition(run.student.bev_channels * frames, shares, blocks),
        Partition(stage_channels(run.student.trunk_depth, run.student.trunk_base_channels)[0], shares),
    ]


def _adaptor(run: RunSettings, group: Group) -> DistillAdaptor | None:
    """The adaptor of a group; None if the partition gives it no channels."""
    if run.teacher is None:
        raise InputError("feature terms need the teacher's settings: its channels are what is imitated", key="teacher")
    channels = [p.size(group) for p in partitions(run)]
    return DistillAdaptor(channels, run.teacher.second_channels) if all(channels) else None
