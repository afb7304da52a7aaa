"""The LiDAR teacher: CenterPoint on voxels, with the parameter names of the released checkpoint."""

from dataclasses import dataclass

from torch import Tensor, nn

from labeldistill.config.grid import GridSettings
from labeldistill.config.model import TeacherSettings
from labeldistill.config.study import RunSettings
from labeldistill.data.batch import Batch
from labeldistill.errors import InputError
from labeldistill.models.centre_head.decode import Detections
from labeldistill.models.centre_head.head import CentreHead, HeadOutput
from labeldistill.models.centre_head.losses import positive_counts
from labeldistill.models.centre_head.options import HeadOptions
from labeldistill.models.centre_head.targets import Targets
from labeldistill.models.second import Second
from labeldistill.models.second_fpn import SecondFpn
from labeldistill.models.sparse_encoder import SparseEncoder
from labeldistill.models.student_head import StudentHead
from labeldistill.models.voxel_encoder import MeanVoxelEncoder, VoxelLayer

POINT_CHANNELS = 5
SECOND_STRIDES = (1, 2)


@dataclass(frozen=True)
class TeacherOutput:
    """Everything that the student may learn from.

    Attributes:
        predictions: one dict of [B, ., Y, X] maps per task.
        features: the two scales of the BEV backbone, [B, C0, Y, X] and [B, C1, Y / 2, X / 2].
    """

    predictions: HeadOutput
    features: list[Tensor]


class LidarTeacher(nn.Module):
    """CenterPoint with voxels: hard voxelisation, sparse 3D encoder, SECOND, pyramid, centre head.

    Its submodules carry the released names (`pts_middle_encoder`, `pts_backbone`, `pts_neck`, `pts_bbox_head`); the
    voxelisation (`pts_voxel_layer`) and the mean of points (`pts_voxel_encoder`) have no parameters. Cells of its
    feature maps are the cells of `grid`, which the student shares.

    Args:
        grid: BEV range and cells; each cell is 2 ** (stages - 1) voxels wide.
        settings: voxels, widths and head.
        head_options: switches of targets, losses and decoding.

    Raises:
        InputError: the voxel size does not match cell size and number of stages, or the stages do not fit together.
    """

    def __init__(self, grid: GridSettings, settings: TeacherSettings, head_options: HeadOptions) -> None:
        super().__init__()
        self.grid, self.settings, self.head_options = grid, settings, head_options
        low = (grid.x_m[0], grid.y_m[0], settings.z_range_m[0])
        cells = voxel_cells(grid, settings)
        self.pts_voxel_layer = VoxelLayer(
            low, settings.voxel_m, cells, settings.max_points_per_voxel, settings.max_voxels
        )
        self.pts_voxel_encoder = MeanVoxelEncoder(settings.point_scale)
        self.pts_middle_encoder = _sparse_encoder(cells, settings)
        self.pts_backbone = Second(
            self.pts_middle_encoder.output_channels, settings.second_channels, settings.second_layers, SECOND_STRIDES
        )
        self.pts_neck = SecondFpn(
            settings.second_channels, settings.neck_channels, SECOND_STRIDES, use_conv_for_no_stride=True
        )
        self.pts_bbox_head = CentreHead(
            sum(settings.neck_channels),
            settings.head.shared_channels,
            settings.head.branch_channels,
            half=head_options.half_teacher_head,
        )

    @classmethod
    def from_settings(cls, run: RunSettings) -> "LidarTeacher":
        """Build the teacher of a run.

        Raises:
            InputError: the run has no teacher, or its settings contradict each other.
        """
        if run.teacher is None:
            raise InputError(f"a {run.stage} run without a LiDAR teacher", key="teacher")
        return cls(run.grid, run.teacher, HeadOptions.from_run(run))

    def forward(self, points: Tensor) -> TeacherOutput:
        """From points to predictions and features; a sample without points in range gives a map of empty cells.

        Args:
            points: [B, P, 5] x, y, z (ego frame, metres), intensity, time lag (seconds). Rows outside the range
                (padding of -999 too) and rows with a value that is not finite are dropped.
        """
        features = self.encode(points)
        return TeacherOutput(self.predict(features), features)

    def encode(self, points: Tensor) -> list[Tensor]:
        """[B, P, 5] points to the two scales of the BEV backbone."""
        voxels = self.pts_voxel_layer(points)
        bev = self.pts_middle_encoder(self.pts_voxel_encoder(voxels), voxels.coordinates, len(points))
        scales: list[Tensor] = self.pts_backbone(bev)
        return scales

    def predict(self, features: list[Tensor]) -> HeadOutput:
        """Output of neck and head for features of two scales, the teacher's own or those of a label encoder."""
        predictions: HeadOutput = self.pts_bbox_head(self.pts_neck(features))
        return predictions

    def positives(self, batch: Batch) -> Tensor:
        """Positive cells and used slots of a batch, what its loss is divided by; see `positive_counts`."""
        return positive_counts(self._targets(batch))

    def _targets(self, batch: Batch) -> Targets:
        return self.head_options.targets(batch.boxes, batch.labels, self.grid, self.settings.head)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """`{"detection": scalar}` of a batch with points and boxes."""
        targets = self._targets(batch)
        predictions = self(_points(batch)).predictions
        return {"detection": self.head_options.detection_loss(targets, predictions, self.settings.head)}

    def detect(self, batch: Batch) -> list[Detections]:
        """Boxes of every sample of a batch with points."""
        return self.head_options.decode(self(_points(batch)).predictions, self.grid, self.settings.head)


def _points(batch: Batch) -> Tensor:
    if batch.points is None:
        raise ValueError("the LiDAR teacher needs a batch with points")
    return batch.points


def voxel_cells(grid: GridSettings, settings: TeacherSettings) -> tuple[int, int, int]:
    """Voxels along x, y, z.

    Raises:
        InputError: the range is not a whole number of voxels, or a BEV cell is not 2 ** (stages - 1) voxels wide.
    """
    ranges = (grid.x_m[:2], grid.y_m[:2], settings.z_range_m)
    counts = [(high - low) / size for (low, high), size in zip(ranges, settings.voxel_m, strict=True)]
    if any(count < 1 or abs(count - round(count)) > 1e-4 for count in counts):
        raise InputError(
            f"voxels of {settings.voxel_m} m do not fill x, y, z of {ranges} m a whole number of times",
            key="teacher.voxel_m",
        )
    x, y, z = (round(count) for count in counts)
    factor = 2 ** (len(settings.encoder_channels) - 1)
    wanted = tuple(side * factor for side in grid.cells_xy)
    if (x, y) != wanted:
        raise InputError(
            f"{len(settings.encoder_channels)} encoder stages need {factor} voxels in a BEV cell, {wanted} over x and "
            f"y of the grid; voxels of {settings.voxel_m[:2]} m give {(x, y)}",
            key="teacher.voxel_m",
        )
    return x, y, z


def _sparse_encoder(cells: tuple[int, int, int], settings: TeacherSettings) -> SparseEncoder:
    shape = (cells[2] + 1, cells[1], cells[0])  # z has one cell more than the grid, as in the release
    try:
        return SparseEncoder(POINT_CHANNELS, shape, settings.encoder_channels, settings.encoder_output_channels)
    except ValueError as error:
        raise InputError(str(error), key="teacher.encoder_channels") from error


def released_experiment(teacher: LidarTeacher) -> nn.ModuleDict:
    """The teacher as the released experiment stores it, for reading and writing complete released checkpoints.

    The experiment wraps the teacher (`centerpoint`) together with stock BEVDepth's camera head (`head`), of which it
    only uses loss functions: the parameters of that head are stored, but neither trained nor used.
    """
    head = StudentHead(80, trunk_depth=18, trunk_base_channels=160, neck_channels=(64, 64, 64, 64))
    return nn.ModuleDict({"head": head, "centerpoint": teacher})
