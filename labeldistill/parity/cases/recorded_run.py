"""From the configuration in a record (in mmdetection3d's terms) to the settings of one of our runs."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from labeldistill.config.data import DataSettings, SynthSettings
from labeldistill.config.grid import GridSettings
from labeldistill.config.methods import Stage
from labeldistill.config.model import (
    BevAugmentationSettings,
    DistillationSettings,
    HeadSettings,
    ImageSettings,
    LabelEncoderSettings,
    StudentSettings,
    TeacherSettings,
)
from labeldistill.config.study import RunSettings
from labeldistill.config.switches import STAGES_OF_SWITCH
from labeldistill.config.terms import Term
from labeldistill.config.training import TrainingSettings

Record = Mapping[str, Any]
FULL_TERMS: dict[Term, float] = {
    "detection": 1.0,
    "depth": 3.0,
    "lidar_feature": 0.3,
    "label_feature": 0.3,
    "response": 1.0,
}
"""The released weights."""


def grid_of(train_cfg: Record) -> GridSettings:
    """The BEV grid that a recorded `train_cfg` describes."""
    low, high = train_cfg["point_cloud_range"][:3], train_cfg["point_cloud_range"][3:]
    x, y = (train_cfg["voxel_size"][i] * train_cfg["out_size_factor"] for i in (0, 1))
    return GridSettings(x_m=(low[0], high[0], x), y_m=(low[1], high[1], y), z_m=(low[2], high[2], high[2] - low[2]))


def head_of(conf: Record, state: Mapping[str, Tensor], prefix: str) -> HeadSettings:
    """The head that a recorded `head_conf` describes, its widths from the weights under `prefix`."""
    train, test, coder = conf["train_cfg"], conf["test_cfg"], conf["bbox_coder"]
    return HeadSettings(
        shared_channels=len(state[f"{prefix}shared_conv.conv.weight"]),
        branch_channels=len(state[f"{prefix}task_heads.0.reg.0.conv.weight"]),
        code_weights=tuple(train["code_weights"]),
        box_loss_weight=conf["loss_bbox"]["loss_weight"],
        gaussian_overlap=train["gaussian_overlap"],
        min_gaussian_radius=train["min_radius"],
        max_objects=train["max_objs"],
        score_threshold=coder["score_threshold"],
        max_detections=coder["max_num"],
        circle_nms_radius=tuple(test["min_radius"]),
        max_per_task=test["post_max_size"],
    )


def label_encoder_of(conf: Record, head: HeadSettings) -> LabelEncoderSettings:
    """The label encoder that a recorded `labelenc_conf` describes."""
    return LabelEncoderSettings(hidden_channels=conf["hidden_features"], head=head)


def teacher_of(conf: Record, grid: GridSettings, head: HeadSettings) -> TeacherSettings:
    """The teacher that a recorded `lidar_conf` describes; parts that were not recorded are as small as possible."""
    neck = conf["pts_neck"]
    voxels = conf.get("pts_voxel_layer", {})
    encoder = conf.get("pts_middle_encoder", {})
    second = conf.get("pts_backbone", {})
    low, high = voxels.get("point_cloud_range", [0, 0, -5.0])[2], voxels.get("point_cloud_range", [0] * 5 + [3.0])[5]
    return TeacherSettings(
        voxel_m=tuple(voxels.get("voxel_size", (grid.x_m[2] / 8, grid.y_m[2] / 8, 0.2))),
        z_range_m=(low, high),
        max_points_per_voxel=voxels.get("max_num_points", 1),
        max_voxels=tuple(voxels.get("max_voxels", (1, 1))),
        encoder_channels=tuple(map(tuple, encoder.get("encoder_channels", ((4, 4, 4), (4, 4, 4), (4, 4, 4), (4, 4))))),
        encoder_output_channels=encoder.get("output_channels", 4),
        second_channels=tuple(neck["in_channels"]),
        second_layers=tuple(second.get("layer_nums", (1, 1))),
        neck_channels=tuple(neck["out_channels"]),
        head=head,
    )


def student_of(record: Record, head: HeadSettings, frame_offsets: tuple[int, ...]) -> StudentSettings:
    """The student that a recorded `backbone_conf` and `head_conf` describe."""
    camera, bev = record["backbone_conf"], record["head_conf"]
    neck, image, depth_net = camera["img_neck_conf"], camera["img_backbone_conf"], camera["depth_net_conf"]
    return StudentSettings(
        image=ImageSettings(size_px=tuple(camera["final_dim"])),
        frame_offsets=frame_offsets,
        backbone_depth=image["depth"],
        backbone_base_channels=image.get("base_channels", 64),
        backbone_frozen_stages=image["frozen_stages"],
        neck_channels=tuple(neck["out_channels"]),
        neck_upsample=tuple(neck["upsample_strides"]),
        depth_m=tuple(camera["d_bound"]),
        depth_net_channels=depth_net["mid_channels"],
        bev_channels=camera["output_channels"],
        trunk_depth=bev["bev_backbone_conf"]["depth"],
        trunk_base_channels=bev["bev_backbone_conf"]["base_channels"],
        bev_neck_channels=tuple(bev["bev_neck_conf"]["out_channels"]),
        head=head,
    )


def released_run(stage: Stage, grid: GridSettings, *, corrected: tuple[str, ...] = (), **parts: Any) -> RunSettings:
    """A run of `stage` with every switch released except those in `corrected`; `parts` are its networks and terms."""
    switches = {
        name: "corrected" if name in corrected or name == "label_encoder_eval" else "released"
        for name, stages in STAGES_OF_SWITCH.items()
        if stage in stages
    }
    return RunSettings(
        stage=stage,
        seed=0,
        data=DataSettings(synth=SynthSettings()),
        grid=grid,
        bev_augmentation=BevAugmentationSettings(),
        training=TrainingSettings(steps=1),
        switches=switches,
        distillation=DistillationSettings() if stage == "student" else None,
        **parts,
    )
