"""09: complete items of the released datasets, with the recorded synthetic infos converted to our index."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import RandomState

from labeldistill.config.data import CAMERAS, DataSettings
from labeldistill.config.grid import GridSettings
from labeldistill.config.model import BevAugmentationSettings, ImageSettings, StudentSettings
from labeldistill.config.study import RunSettings
from labeldistill.config.switches import STAGES_OF_SWITCH
from labeldistill.config.training import TrainingSettings
from labeldistill.data.clouds import key_frame_cloud
from labeldistill.data.dataset import Item, KeyFrameDataset
from labeldistill.data.images import augmented, normalised
from labeldistill.data.infos import Infos
from labeldistill.data.loading import LoadingOptions
from labeldistill.errors import InputError
from labeldistill.geometry.frames import pose_matrix
from labeldistill.nuscenes.sensor_files import read_image
from labeldistill.parity.case import GoldenFolder, case
from labeldistill.parity.cases.recorded_infos import recorded_index
from labeldistill.parity.compare import Comparison, exact, output

IMAGE_FOLDER = Path("real_nuscenes") / "bevdepth_test_frame"


@case("09_dataset.pt")
def compare(folder: GoldenFolder) -> Iterator[Comparison]:
    """Every recorded item: draws, images, matrices, boxes, depth, points, and the state of the random numbers after."""
    recorded = folder.load("09_dataset.pt")
    pictures = _image_folder(folder, recorded["infos"][0])
    with tempfile.TemporaryDirectory() as name:
        infos = recorded_index(recorded, Path(name), pictures)
        for camera in CAMERAS:
            file = infos.dataroot / recorded["infos"][0]["cam_infos"][camera]["filename"]
            digest = hashlib.sha256(np.asarray(read_image(file)).tobytes()).hexdigest()
            yield exact(f"decoded {camera}", digest, recorded["decoded_jpeg_sha256"][camera])
        for key, value in recorded.items():
            if isinstance(value, dict) and "idx" in value:
                yield from _item(key, value, recorded, infos)
        yield from _capped(recorded["lidar_capped"], recorded, infos)


def _image_folder(folder: GoldenFolder, info: dict[str, Any]) -> Path:
    """Where the recorded infos' six JPEGs lie: beside the golden folder, or under LABELDISTILL_SHARED."""
    tried = [folder.path, folder.path / IMAGE_FOLDER, folder.path.absolute().parent / IMAGE_FOLDER]
    tried += [Path(root) / IMAGE_FOLDER for root in [os.environ.get("LABELDISTILL_SHARED")] if root]
    tried += [Path("..") / "shared" / IMAGE_FOLDER]
    for candidate in tried:
        if (candidate / info["cam_infos"][CAMERAS[0]]["filename"]).is_file():
            return candidate
    message = f"the images of the recorded infos are in none of {', '.join(map(str, tried))}"
    raise InputError(message, file=folder.path / "09_dataset.pt", key="cam_infos")


def _run(recorded: dict[str, Any], offsets: list[int]) -> RunSettings:
    ida, bda = recorded["ida_aug_conf"], recorded["bda_aug_conf"]
    image = ImageSettings(
        size_px=tuple(ida["final_dim"]),
        resize_range=tuple(ida["resize_lim"]),
        rotation_deg=tuple(ida["rot_lim"]),
        flip=ida["rand_flip"],
        crop_bottom_range=tuple(ida["bot_pct_lim"]),
        mean=tuple(recorded["img_conf"]["img_mean"]),
        std=tuple(recorded["img_conf"]["img_std"]),
    )
    bev = BevAugmentationSettings(
        rotation_deg=tuple(bda["rot_lim"]),
        scale=tuple(bda["scale_lim"]),
        flip_x_probability=bda["flip_dx_ratio"],
        flip_y_probability=bda["flip_dy_ratio"],
    )
    return RunSettings(
        stage="student",
        seed=0,
        data=DataSettings(dataroot="recorded"),
        grid=GridSettings(),
        bev_augmentation=bev,
        training=TrainingSettings(epochs=1),
        switches={name: "released" for name in STAGES_OF_SWITCH},
        # Not validated, because recorded sizes need not fit a network's strides.
        student=StudentSettings.model_construct(image=image, frame_offsets=(0, *offsets)),
    )


def _options(name: str, value: dict[str, Any], run: RunSettings) -> LoadingOptions:
    """Options of the recorded dataset: det_* is the class of validation, lidar_* that of training."""
    asked = value["kwargs"]
    options = LoadingOptions.from_settings(run, training=asked["is_train"])
    return replace(
        options,
        depth=asked.get("return_depth", False),
        points=asked.get("return_lidar", False),
        boxes=asked["is_train"],
        repeat_current=name.startswith("det_"),
    )


def _item(name: str, value: dict[str, Any], recorded: dict[str, Any], infos: Infos) -> Iterator[Comparison]:
    run = _run(recorded, value["kwargs"]["key_idxes"])
    dataset = KeyFrameDataset(infos, run, "train", True, options=_options(name, value, run))
    rng = RandomState(value["np_seed"])
    item = dataset.load(value["idx"], rng)
    yield exact(f"{name}: next random number", rng.random_sample(), value["next_np_random"])
    yield exact(f"{name}: token", item.token, value["token"])
    yield from _images(name, value, item, dataset)
    yield from _matrices(name, value, item)
    yield from _labels(name, value, item)


def _images(name: str, value: dict[str, Any], item: Item, dataset: KeyFrameDataset) -> Iterator[Comparison]:
    assert item.images is not None
    assert item.levels is not None
    images = normalised(item.images, item.levels)
    digest = hashlib.sha256(images.numpy().tobytes()).hexdigest()
    yield exact(f"{name}: shape of images", list(images.shape), list(value["imgs_shape"]))
    yield exact(f"{name}: sha256 of images", digest, value["imgs_sha256"])
    yield exact(f"{name}: images, every 16th pixel", images[..., ::16, ::16], value["imgs_sub"])
    yield output(f"{name}: means of images", images.double().mean(dim=(-1, -2)), value["imgs_mean"])
    changes = dataset.image_augmentations(value["idx"], RandomState(value["np_seed"]))
    for n, (ours, theirs) in enumerate(zip(changes, value["ida"], strict=True)):
        drawn = [ours.resize, *ours.resized_px, *ours.crop, ours.flip, ours.rotation_deg]
        yield exact(f"{name}: draws of camera {n}", drawn, [theirs[0], *theirs[1], *theirs[2], theirs[3], theirs[4]])
    some = value["rgb_uint8_frame0_cams"]
    rows = dataset.infos.cameras_of(int(dataset.rows[value["idx"]]))
    for n, rgb in zip(some["cams"], some["rgb"], strict=True):
        image = read_image(dataset.infos.dataroot / dataset.infos.cameras.file[rows.start + n].as_py())
        yield exact(f"{name}: pixels of camera {n}", augmented(image, changes[n])[::2, ::2], rgb)


def _matrices(name: str, value: dict[str, Any], item: Item) -> Iterator[Comparison]:
    assert item.cameras is not None
    yield output(f"{name}: sensor2ego", item.cameras.sensor2ego, value["sensor2ego_mats"])
    yield output(f"{name}: intrinsics", item.cameras.intrinsics, value["intrin_mats"])
    yield output(f"{name}: image augmentation", item.cameras.ida, value["ida_mats"])
    yield output(f"{name}: BEV augmentation", item.cameras.bda, value["bda_mat"])
    ego2global = pose_matrix(value["ego2global_rotation"].numpy(), value["ego2global_translation"].numpy())
    yield output(f"{name}: ego to global", item.ego2global, ego2global)


def _labels(name: str, value: dict[str, Any], item: Item) -> Iterator[Comparison]:
    yield exact(f"{name}: number of boxes", len(item.boxes), len(value["gt_boxes"]))
    if len(item.boxes):
        yield output(f"{name}: boxes", item.boxes, value["gt_boxes"])
        yield exact(f"{name}: labels", item.labels, value["gt_labels"])
    if "depth" in value:
        assert item.depth is not None
        index = item.depth.nonzero()
        yield exact(f"{name}: shape of depth", list(item.depth.shape), list(value["depth"]["shape"]))
        yield exact(f"{name}: pixels with depth", index, value["depth"]["index"])
        if len(index) == len(value["depth"]["index"]):
            yield output(f"{name}: depth", item.depth[tuple(index.T)], value["depth"]["value"])
    if "lidar_points_valid" in value:
        yield output(f"{name}: points", item.points, value["lidar_points_valid"])


def _capped(value: dict[str, Any], recorded: dict[str, Any], infos: Infos) -> Iterator[Comparison]:
    """A cloud of more points than are allowed: which are kept, under the recorded BEV matrix."""
    run = _run(recorded, [])
    options = replace(LoadingOptions.from_settings(run, training=True), max_points=value["max_points"])
    keys = infos.sweeps.file.take(np.flatnonzero(infos.sweeps.slot == 0)).to_pylist()
    there = [sample for sample, file in enumerate(keys) if file in recorded["lidar_files"]]
    for sample in there:  # the recording does not say which of them it is
        points = key_frame_cloud(infos, sample, options, value["bda_rot"].numpy(), RandomState(value["np_seed"]))
        if points.shape == tuple(value["points"].shape):
            row = output(f"capped points (sample {sample})", torch.from_numpy(points), value["points"])
            if row.passed or sample == there[-1]:
                yield row
                return
    yield Comparison("capped points", float("inf"), 0.0)
