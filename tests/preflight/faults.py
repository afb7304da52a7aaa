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
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from labeldistill.data import augmentation, ground_truth, images
from labeldistill.data.loading import LoadingOptions
from labeldistill.distillation.model import DistilledStudent
from labeldistill.inference import format_boxes
from labeldistill.models.camera_backbone import CameraBackbone
from labeldistill.preflight import adapted_features, box_round_trip, environment
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


def scaled_intrinsics(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    """Focal lengths a tenth longer; the principal point stays, so the data check has nothing to say."""

    def scale(row: dict[str, Any]) -> None:
        for axis in (0, 1):
            row["camera_intrinsic"][axis][axis] *= 1.1

    _moved(study, "CAM_FRONT", scale)


def camera_a_little_off(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    def shift(row: dict[str, Any]) -> None:
        row["translation"][2] += 0.28

    _moved(study, "CAM_BACK_LEFT", shift)


def raised_boxes(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    """Centres at the bottom for centres in the middle."""

    def raise_(row: dict[str, Any]) -> None:
        row["translation"][2] -= row["size"][2] / 2

    _boxes(study, raise_)


def swapped_categories(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    rows = study.table("category")
    swap = {"vehicle.car": "human.pedestrian.adult", "human.pedestrian.adult": "vehicle.car"}
    study.write_table("category", [{**row, "name": swap.get(row["name"], row["name"])} for row in rows])


def permuted_classes(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    """Result files name the next class of the list."""
    sound = box_round_trip.predictions_from_detections

    def permuted(found: Any, *given: Any) -> Any:
        return sound([replace(each, labels=(each.labels + 1) % 10) for each in found], *given)

    patch.setattr(box_round_trip, "predictions_from_detections", permuted)


def velocity_of_the_vehicle(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    """Result files have velocities along the vehicle's axes."""
    out = format_boxes.ego_to_global

    def left(boxes: Any, *pose: Any) -> Any:
        return (*out(boxes, *pose)[:3], boxes[:, 7:])

    patch.setattr(format_boxes, "ego_to_global", left)


def late_camera(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    rows = study.table("sample_data")
    for row in rows:
        if row["is_key_frame"] and "CAM_FRONT_RIGHT/" in row["filename"]:
            row["timestamp"] += 400_000
    study.write_table("sample_data", rows)


def mean_for_std(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    sound = images.Normalisation.__init__

    def swapped(self: Any, image: Any, *, bgr: bool) -> None:
        sound(self, image.model_copy(update={"mean": image.std, "std": image.mean}), bgr=bgr)

    patch.setattr(images.Normalisation, "__init__", swapped)


def weights_of_another_epoch(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    """The teacher's file was replaced by one that loads as well; the record knows the one before."""
    run = next(run for run in study.plan.runs if run.unit == "teacher")
    file = weights_path(run.folder, "ema")
    with safe_open(file, framework="pt") as stream:
        about = stream.metadata()
    other = {name: value * 1.01 if value.is_floating_point() else value for name, value in load_file(file).items()}
    study.replace(file, save(other, about))


def frozen_neck(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    """Half of the student never learns."""
    sound = DistilledStudent.__init__

    def frozen(self: Any, *given: Any, **named: Any) -> None:
        sound(self, *given, **named)
        for part in (self.get_submodule("backbone.img_backbone"), self.get_submodule("backbone.img_neck")):
            part.requires_grad_(False)

    patch.setattr(DistilledStudent, "__init__", frozen)


def cut_before_the_bird(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    """Images reach the BEV, gradients don't reach the images."""
    sound = CameraBackbone.forward

    def cut(self: Any, *given: Any, **named: Any) -> Any:
        made = sound(self, *given, **named)
        return made.detach() if isinstance(made, Tensor) else type(made)(*(part.detach() for part in made))

    patch.setattr(CameraBackbone, "forward", cut)


def flipped_features(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    """The student learnt the teacher's features mirrored."""
    sound = adapted_features._pairs

    def mirrored(*given: Any) -> Any:
        pairs = sound(*given)
        return {
            group: [replace(pair, adapted=[y.flip(-1) for y in pair.target]) for pair in each]
            for group, each in pairs.items()
        }

    patch.setattr(adapted_features, "_pairs", mirrored)


def missing_package(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(environment, "PACKAGES", (*environment.PACKAGES, "a-package-that-is-not-there"))


def other_pillow(study: GatedStudy, patch: pytest.MonkeyPatch) -> None:
    known = environment.locked()
    patch.setattr(environment, "locked", lambda: known | {"pillow": "1.0"})


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
    "package not installed": (missing_package, {"environment": "FAIL"}),
    "another Pillow than the lock's": (other_pillow, {"environment": "WARN"}),
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
    "camera 0.28 m too high": (camera_a_little_off, {"boxes": "WARN"}),
    "focal length times 1.1": (scaled_intrinsics, {"boxes": "FAIL"}),
    "camera 0.4 s late": (late_camera, {"data": "FAIL", "boxes": "FAIL", "label-encoder": "FAIL"}),
    "centres of boxes at their bottom": (raised_boxes, {"boxes": "FAIL"}),
    "cars and pedestrians swapped in the tables": (swapped_categories, {"boxes": "FAIL"}),
    "classes permuted in result files": (permuted_classes, {"boxes": "FAIL"}),
    "velocities in the vehicle's frame": (velocity_of_the_vehicle, {"boxes": "FAIL"}),
    "empty ground truth in evaluation": (empty_ground_truth, {"boxes": "FAIL"}),
    "BGR for RGB under `corrected`": (blue_for_red, {"preprocessing": "FAIL"}),
    "mean and std swapped": (mean_for_std, {"preprocessing": "FAIL"}),
    "bilinear for bicubic": (other_resampling, {"preprocessing": "FAIL"}),
    "matrix of another flip": (matrix_of_another_flip, {"preprocessing": "FAIL"}),
    "raw for EMA": (ema_for_raw, {"start-weights": "FAIL"}),
    "weights of another epoch": (
        weights_of_another_epoch,
        {"start-weights": "FAIL", "teacher": "FAIL", "label-encoder": "FAIL"},
    ),
    "one renamed key": (renamed_key, {"start-weights": "FAIL"}),
    "random stem": (random_stem, {"start-weights": "FAIL"}),
    "empty label maps": (empty_label_maps, {"label-encoder": "FAIL"}),
    "gradient cut before an adaptor": (detached_adaptor, {"gradients": "FAIL"}),
    "half of the student frozen": (frozen_neck, {"gradients": "FAIL"}),
    "gradient cut before the BEV": (cut_before_the_bird, {"gradients": "FAIL"}),
    "adapted features mirrored": (flipped_features, {"gradients": "WARN"}),
    "learning rate times four": (learning_rate_times_four, {"recipe": "WARN"}),
    "one key frame per device": (one_key_frame_a_device, {"recipe": "WARN", "first-steps": "FAIL"}),
    "loss that is no number": (loss_that_is_no_number, {"first-steps": "FAIL"}),
}
"""Name -> how it is planted, and gate -> verdict of every gate that trips which does not in the sound study."""
