"""Every oddity of the released code that changes numbers, as a switch: `released` keeps it, `corrected` fixes it.

workflow/claims/deviations says what each does, where it is in the released code, and its measured effect.
"""

from collections.abc import Mapping
from typing import Literal

from labeldistill.config.base import Settings

Switch = Literal["released", "corrected"]


def is_released(switches: Mapping[str, str], switch: str) -> bool:
    """Whether a switch has its released value.

    Args:
    switches: those that act on a stage. One that is absent concerns a part that the stage does not have, and
            counts as released.
        switch: a name of `Switches`.

    Raises:
        KeyError: no such switch.
    """
    if switch not in Switches.model_fields:
        raise KeyError(switch)
    return switches.get(switch, "released") == "released"


class Switches(Settings):
    """The deviations ledger in executable form; the first word of each comment says which stages it acts on."""

    teacher_mode: Switch = "released"  # student, label-encoder: frozen teachers run in train mode, BatchNorm drifts
    partition_axis: Switch = "released"  # student: scale-0 thirds over the temporal concatenation / within every frame
    response_target: Switch = "released"  # student: clipped teacher heatmap x ground-truth heatmap / teacher heatmap
    label_extent: Switch = "released"  # student, label-encoder: boxes drawn at half length and width / full extent
    label_border: Switch = "released"  # student, label-encoder: boxes beyond +x, +y smear onto the last row or column
    label_rounding: Switch = "released"  # student, label-encoder: corners truncated, thin boxes hollow / exact cells
    label_box_encoding: Switch = "released"  # student, label-encoder: nine raw box numbers / relative to their cell
    centre_truncation: Switch = "released"  # all: centres in (-1, 0) cells fall into cell 0 / are out of range
    gaussian_radius: Switch = "released"  # all: CornerNet's old radius formula / the fixed one
    voxel_truncation: Switch = "released"  # student: frustum points in (-1, 0) cells (z too) are pooled / dropped
    camera_vector_frame: Switch = "released"  # student: depth net is told the key frame's camera / each frame's own
    frustum_centres: Switch = "released"  # student: frustum spans 0..W-1 and depth lower edges / cell and bin centres
    head_bias: Switch = "released"  # student: heatmap bias is the default conv init / -2.19
    inplace_sigmoid: Switch = "released"  # student, teacher: losses overwrite logits with clipped sigmoids in place
    nan_targets: Switch = "released"  # all: a NaN velocity target makes the loss NaN / is masked out
    feature_mask: Switch = "released"  # student: LiDAR mask is the SUM of heatmaps (may exceed 1) / their maximum
    colour_order: Switch = "released"  # student: BGR pixels under RGB statistics / RGB
    depth_map_pixels: Switch = "released"  # student: W - x under flip, truncation to int16, last point wins / fixed
    missing_past_frame: Switch = "released"  # student: training repeats last valid frame, validation the current / same
    future_sweeps: Switch = "released"  # teacher, student: the teacher sees sweeps from the future / past only
    first_frame_sweeps: Switch = "released"  # teacher, student: sweep list cut at its first empty slot / gaps skipped
    lidar_z_scale: Switch = "released"  # teacher, student: BEV scale leaves LiDAR z alone / scales it
    sweep_precision: Switch = "released"  # teacher, student: global coordinates in float32 / float64
    ego_pose: Switch = "released"  # all: boxes in the mean of six camera ego poses / in the LiDAR key frame's ego pose
    nms_distance: Switch = "released"  # all: circle NMS compares the squared distance / the distance
    ema_warmup: Switch = "released"  # all: EMA decay is constant / ramps up
    ema_buffers: Switch = "released"  # all: frozen teachers are averaged too / only the trained part
    lr_groups: Switch = "released"  # student: `backbone` as substring (depth net, image neck) / the image backbone only
    norm_weight_decay: Switch = "released"  # all: norms and biases decay too / they do not
    frustum_precision: Switch = "released"  # student: frustum geometry in half under 16-mixed, overflowing / float32
    lift_precision: Switch = "released"  # student: depth softmax, lift and pooling in half under 16-mixed / float32
    teacher_head_precision: Switch = "released"  # all: the teacher's heads in half under 16-mixed / float32
    evaluation_precision: Switch = "released"  # all: detects under 16-mixed where it trained so / in float32
    device_normalisation: Switch = "released"  # all: losses by each device's own count / by the mean over devices
    device_draws: Switch = "released"  # all: every device draws the same augmentations / each key frame its own
    label_encoder_eval: Switch = "corrected"  # label-encoder: validation has empty ground truth / the real one


STAGES_OF_SWITCH: dict[str, tuple[str, ...]] = {
    "teacher_mode": ("label-encoder", "student"),
    "partition_axis": ("student",),
    "response_target": ("student",),
    "label_extent": ("label-encoder", "student"),
    "label_border": ("label-encoder", "student"),
    "label_rounding": ("label-encoder", "student"),
    "label_box_encoding": ("label-encoder", "student"),
    "centre_truncation": ("teacher", "label-encoder", "student"),
    "gaussian_radius": ("teacher", "label-encoder", "student"),
    "voxel_truncation": ("student",),
    "camera_vector_frame": ("student",),
    "frustum_centres": ("student",),
    "head_bias": ("student",),
    "inplace_sigmoid": ("teacher", "student"),
    "nan_targets": ("teacher", "label-encoder", "student"),
    "feature_mask": ("student",),
    "colour_order": ("student",),
    "depth_map_pixels": ("student",),
    "missing_past_frame": ("student",),
    "future_sweeps": ("teacher", "student"),
    "first_frame_sweeps": ("teacher", "student"),
    "lidar_z_scale": ("teacher", "student"),
    "sweep_precision": ("teacher", "student"),
    "ego_pose": ("teacher", "label-encoder", "student"),
    "nms_distance": ("teacher", "label-encoder", "student"),
    "ema_warmup": ("teacher", "label-encoder", "student"),
    "ema_buffers": ("student",),
    "lr_groups": ("teacher", "student"),
    "norm_weight_decay": ("teacher", "label-encoder", "student"),
    "frustum_precision": ("student",),
    "lift_precision": ("student",),
    "teacher_head_precision": ("teacher", "label-encoder", "student"),
    "evaluation_precision": ("teacher", "label-encoder", "student"),
    "device_normalisation": ("teacher", "label-encoder", "student"),
    "device_draws": ("teacher", "label-encoder", "student"),
    "label_encoder_eval": ("label-encoder",),
}
"""Which training stages a switch acts on: flipping it gives those stages (and what builds on them) new run keys."""
