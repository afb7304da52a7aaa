"""What a run loads of each key frame, and in the released or the corrected way."""

from dataclasses import dataclass

from labeldistill.config.model import BevAugmentationSettings, ImageSettings
from labeldistill.config.study import RunSettings
from labeldistill.data.points import SweepOptions


@dataclass(frozen=True)
class LoadingOptions:
    """Everything that `KeyFrameDataset` needs from the settings.

    Attributes:
        training: augment; False is deterministic, for evaluation.
        images, depth, points, boxes: what is loaded.
        frame_offsets: key frames of the item relative to its own; the first is 0.
        repeat_current: a missing past key frame is replaced by the current one (True) or by the last frame that
            exists (False).
        image: size, ranges, statistics of the network's input image; None without images.
        bev: ranges of the BEV augmentation.
        bgr: channel order of the images, see `images.Normalisation`.
        released_depth_pixels: see `depth_maps.depth_map`.
        mean_camera_pose: boxes live in the mean of the six cameras' ego poses and each camera is placed in its own
            ego pose (the release); False places both in the ego pose of the LiDAR key frame.
        float32_global: global coordinates pass through float32, in points and camera matrices.
        scale_lidar_z: the BEV scale also applies to the z of points.
        zero_unknown_velocity: NaN velocities of boxes become 0 (the release); False keeps NaN for losses to mask.
        sweeps: which clouds are used.
        max_point_distance_m, max_points, min_box_points: see `DataSettings`.
    """

    training: bool
    images: bool
    depth: bool
    points: bool
    boxes: bool
    frame_offsets: tuple[int, ...]
    repeat_current: bool
    image: ImageSettings | None
    bev: BevAugmentationSettings
    bgr: bool
    released_depth_pixels: bool
    mean_camera_pose: bool
    float32_global: bool
    scale_lidar_z: bool
    zero_unknown_velocity: bool
    sweeps: SweepOptions
    max_point_distance_m: float
    max_points: int
    min_box_points: int

    @classmethod
    def from_settings(cls, run: RunSettings, *, training: bool) -> "LoadingOptions":
        """The options of one run for training or evaluation; only what its stage and terms need is loaded."""

        student, data = run.student, run.data
        camera = run.stage == "student"
        return cls(
            training=training,
            images=camera,
            depth=camera and training and run.needs.lidar_depth,
            points=run.stage == "teacher" or (camera and training and run.needs.teacher),
            boxes=training or not (run.stage == "label-encoder" and run.released("label_encoder_eval")),
            frame_offsets=student.frame_offsets if student is not None and camera else (0,),
            repeat_current=run.released("missing_past_frame") and not training,
            image=student.image if student is not None and camera else None,
            bev=run.bev_augmentation,
            bgr=run.released("colour_order"),
            released_depth_pixels=run.released("depth_map_pixels"),
            mean_camera_pose=run.released("ego_pose"),
            float32_global=run.released("sweep_precision"),
            scale_lidar_z=not run.released("lidar_z_scale"),
            zero_unknown_velocity=run.released("nan_targets"),
            sweeps=SweepOptions(
                past=data.past_sweeps,
                future=data.future_sweeps if run.released("future_sweeps") else 0,
                cut_at_gap=run.released("first_frame_sweeps"),
            ),
            max_point_distance_m=data.max_point_distance_m,
            max_points=data.max_points,
            min_box_points=data.min_lidar_points,
        )
