"""Faults that a test plants in a study that passes every gate, and the gates that each of them trips."""

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from gated_study import GatedStudy, backbone_state, save_backbone
from PIL import Image
from pyquaternion import Quaternion
from torch import Tensor

from labeldistill.data import augmentation, ground_truth, images
from labeldistill.data.loading import LoadingOptions
from labeldistill.distillation.model import DistilledStudent
from labeldistill.inference import format_boxes
from labeldistill.training.weights_file import weights_path

Plant = Callable[[GatedStudy, pytest.MonkeyPatch], None]


def _boxes(study: GatedStudy, change: Callable[[dict[str, Any]], None]) -> None:
    rows = study.table("sample_annotation")
    for row in rows:
        change(row)
    study.write_table("sample_annotation", rows)


def swapped_length_and_width(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    def swap(row: dict[str, Any]) -> None:
        width, length, height = row["size"]
        row["size"] = [length, width, height]

    _boxes(study, swap)


def other_yaw(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    def turn(row: dict[str, Any]) -> None:
        yaw = Quaternion(row["rotation"]).yaw_pitch_roll[0]
        row["rotation"] = list(Quaternion(axis=[0, 0, 1], radians=-yaw - np.pi / 2).elements)

    _boxes(study, turn)


def swapped_in_the_code(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    """Length and width change places on the way in and back again on the way out: the round trip is perfect."""
    into, out = ground_truth.global_to_ego, format_boxes.ego_to_global
    order = [0, 1, 2, 4, 3, 5, 6, 7, 8]
    patch.setattr(ground_truth, "global_to_ego", lambda *given: into(*given)[:, order])
    patch.setattr(format_boxes, "ego_to_global", lambda boxes, *pose: out(boxes[:, order], *pose))


def swapped_in_result_files(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    out = format_boxes.ego_to_global
    patch.setattr(format_boxes, "ego_to_global", lambda boxes, *pose: out(boxes[:, [0, 1, 2, 4, 3, 5, 6, 7, 8]], *pose))


def flip_that_forgets_the_heading(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    sound = augmentation.BevAugmentation.of_boxes

    def forgets(self: Any, boxes: Tensor) -> Tensor:
        moved = sound(self, boxes)
        return torch.cat([moved[:, :6], sound(replace(self, flip_x=False, flip_y=False), boxes)[:, 6:]], dim=1)

    patch.setattr(augmentation.BevAugmentation, "of_boxes", forgets)


def _moved(study: GatedStudy, channel: str, change: Callable[[dict[str, Any]], None]) -> None:
    sensors = {row["token"]: row["channel"] for row in study.table("sensor")}
    rows = study.table("calibrated_sensor")
    for row in rows:
        if sensors[row["sensor_token"]] == channel:
            change(row)
    study.write_table("calibrated_sensor", rows)


def shifted_lidar(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    def shift(row: dict[str, Any]) -> None:
        row["translation"][0] += 0.3

    _moved(study, "LIDAR_TOP", shift)


def shifted_camera(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    def shift(row: dict[str, Any]) -> None:
        row["translation"][1] += 0.6

    _moved(study, "CAM_BACK", shift)


def turned_camera(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    def turn(row: dict[str, Any]) -> None:
        turned = Quaternion(axis=[0, 0, 1], degrees=10) * Quaternion(row["rotation"])
        row["rotation"] = list(turned.elements)

    _moved(study, "CAM_FRONT_LEFT", turn)


def blue_for_red(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    """The study says `corrected`, the loader hands out BGR."""
    sound = LoadingOptions.from_settings
    patch.setattr(
        LoadingOptions, "from_settings", lambda run, *, training: replace(sound(run, training=training), bgr=True)
    )


def other_resampling(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    sound = Image.Image.resize
    patch.setattr(Image.Image, "resize", lambda self, size, how=None: sound(self, size, Image.Resampling.BILINEAR))
    assert images  # it is their resize


def matrix_of_another_flip(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    """Images are mirrored, but the network is told that they are not."""
    sound = augmentation.ImageAugmentation.matrix.func  # type: ignore[attr-defined]
    patch.setattr(augmentation.ImageAugmentation, "matrix", property(lambda self: sound(replace(self, flip=False))))


def _image(study: GatedStudy) -> Any:
    return sorted((study.world / "samples" / "CAM_FRONT").iterdir())[0]


def truncated_jpeg(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    file = _image(study)
    study.replace(file, file.read_bytes()[:-400])


def jpeg_of_another_size(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    Image.open(_image(study)).resize((100, 60)).save(out, "JPEG")
    study.replace(_image(study), out.getvalue())


def missing_map(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(study.world / "maps")


def unannotated(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    study.write_table("sample_annotation", [])
    study.write_table("instance", [])


def empty_ground_truth(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    """The dataset hands out no boxes in evaluation, as the release's does."""
    sound = LoadingOptions.from_settings

    def none(run: Any, *, training: bool) -> LoadingOptions:
        found = sound(run, training=training)
        return replace(found, boxes=False) if not training else found

    patch.setattr(LoadingOptions, "from_settings", none)


def empty_label_maps(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    """The label encoder alone gets no boxes."""
    sound = LoadingOptions.from_settings

    def none(run: Any, *, training: bool) -> LoadingOptions:
        found = sound(run, training=training)
        return replace(found, boxes=False) if run.stage == "label-encoder" else found

    patch.setattr(LoadingOptions, "from_settings", none)


def ema_for_raw(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    """The teacher's raw weights stand under the name of its EMA weights, and its record agrees."""
    run = next(run for run in study.plan.runs if run.unit == "teacher")
    raw, ema = (weights_path(run.folder, name) for name in ("raw", "ema"))
    study.replace(ema, raw.read_bytes())
    record = json.loads(run.record.read_text())
    record["weights"]["ema"]["sha256"] = record["weights"]["raw"]["sha256"]
    study.replace(run.record, json.dumps(record).encode())


def renamed_key(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    state = backbone_state(study.backbone)
    state["layer1.0.convolution1.weight"] = state.pop("layer1.0.conv1.weight")
    save_backbone(study.backbone, state)


def random_stem(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    state = backbone_state(study.backbone)
    state["conv1.weight"] = torch.randn(state["conv1.weight"].shape, generator=torch.Generator().manual_seed(1)) / 10
    save_backbone(study.backbone, state)


def detached_adaptor(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    sound = DistilledStudent._pair

    def detached(self: Any, group: Any, features: list[Tensor], target: list[Tensor]) -> Any:
        return sound(self, group, [x.detach() for x in features], target)

    patch.setattr(DistilledStudent, "_pair", detached)


def learning_rate_times_four(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    study.change(student_training={"lr": 4 * study.plan.study.student_training.lr})


def one_key_frame_a_device(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    study.change(student_training={"batch_per_device": 1})


def loss_that_is_no_number(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    sound = DistilledStudent.losses
    patch.setattr(DistilledStudent, "losses", lambda self, batch: {k: v / 0 * 0 for k, v in sound(self, batch).items()})


FAULTS: dict[str, tuple[Plant, dict[str, str]]] = {
    "truncated JPEG": (truncated_jpeg, {"data": "FAIL"}),
    "JPEG of another size": (jpeg_of_another_size, {"data": "FAIL"}),
    "no maps": (missing_map, {"data": "FAIL", "boxes": "FAIL"}),
    "no annotation": (unannotated, {"data": "FAIL", "boxes": "FAIL", "label-encoder": "FAIL"}),
    "length and width swapped in the tables": (swapped_length_and_width, {"boxes": "FAIL"}),
    "length and width swapped in the code, both ways": (swapped_in_the_code, {"boxes": "FAIL"}),
    "length and width swapped in result files": (swapped_in_result_files, {"boxes": "FAIL"}),
    "yaw = -yaw - pi/2": (other_yaw, {"boxes": "FAIL"}),
    "flip that forgets the heading": (flip_that_forgets_the_heading, {"boxes": "FAIL"}),
    "LiDAR shifted by 0.3 m": (shifted_lidar, {"boxes": "FAIL"}),
    "camera shifted by 0.6 m": (shifted_camera, {"boxes": "FAIL"}),
    "camera turned by 10 degrees": (turned_camera, {"boxes": "FAIL"}),
    "empty ground truth in evaluation": (empty_ground_truth, {"boxes": "FAIL"}),
    "BGR for RGB under `corrected`": (blue_for_red, {"preprocessing": "FAIL"}),
    "bilinear for bicubic": (other_resampling, {"preprocessing": "FAIL"}),
    "matrix of another flip": (matrix_of_another_flip, {"preprocessing": "FAIL"}),
    "raw for EMA": (ema_for_raw, {"start-weights": "FAIL"}),
    "one renamed key": (renamed_key, {"start-weights": "FAIL"}),
    "random stem": (random_stem, {"start-weights": "FAIL"}),
    "empty label maps": (empty_label_maps, {"label-encoder": "FAIL"}),
    "gradient cut before an adaptor": (detached_adaptor, {"gradients": "FAIL"}),
    "learning rate times four": (learning_rate_times_four, {"recipe": "WARN"}),
    "one key frame per device": (one_key_frame_a_device, {"recipe": "WARN", "first-steps": "FAIL"}),
    "loss that is no number": (loss_that_is_no_number, {"first-steps": "FAIL"}),
}
"""Name -> how it is planted, and gate -> verdict of every gate that trips which does not in the sound study."""
