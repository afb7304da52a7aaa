from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.random import RandomState
from nuscenes.nuscenes import NuScenes
from nuscenes.utils.data_classes import LidarPointCloud
from pyquaternion import Quaternion
from tiny_nuscenes import VERSION, TinyWorld

from labeldistill.config.data import CAMERAS
from labeldistill.data.dataset import Item, KeyFrameDataset
from labeldistill.data.infos import Infos, build_infos
from labeldistill.data.loading import LoadingOptions
from labeldistill.errors import InputError
from labeldistill.geometry.boxes import ego_to_global
from labeldistill.geometry.frames import quaternion_of_matrix


@pytest.fixture(scope="session")
def devkit(tiny: TinyWorld) -> NuScenes:
    return NuScenes(VERSION, str(tiny.root), verbose=False)


def parts(item: Item):
    for field in fields(item):
        value = getattr(item, field.name)
        if field.name == "cameras" and value is not None:
            yield from ((f"cameras.{f.name}", getattr(value, f.name)) for f in fields(value))
        elif isinstance(value, torch.Tensor):
            yield field.name, value


def equal(first: Item, second: Item) -> dict[str, bool]:
    return {name: torch.equal(a, b) for (name, a), (_, b) in zip(parts(first), parts(second), strict=True)}


@pytest.mark.parametrize(
    ("stage", "terms", "training", "loaded"),
    [
        ("teacher", {}, True, {"points"}),
        ("teacher", {}, False, {"points"}),
        ("label-encoder", {}, True, set()),
        ("student", {"detection": 1.0}, True, {"images"}),
        ("student", {"detection": 1.0, "depth": 3.0}, True, {"images", "depth"}),
        ("student", {"detection": 1.0, "label_feature": 0.3}, True, {"images"}),
        ("student", {"detection": 1.0, "lidar_feature": 0.3}, True, {"images", "points"}),
        ("student", {"detection": 1.0, "depth": 3.0, "response": 1.0}, True, {"images", "depth", "points"}),
        ("student", {"detection": 1.0, "depth": 3.0, "response": 1.0}, False, {"images"}),
    ],
)
def test_only_what_is_needed_is_loaded(infos, make_run, stage, terms, training, loaded):
    item = KeyFrameDataset(infos, make_run(stage, terms), "train", training)[1]
    assert {name for name in ("images", "depth", "points") if getattr(item, name) is not None} == loaded
    assert (item.cameras is None) == ("images" not in loaded)
    assert len(item.boxes) == len(item.labels) > 0


def test_draws_depend_on_seed_epoch_and_index_only(infos, make_run):
    dataset = KeyFrameDataset(infos, make_run(), "train", True)
    again = KeyFrameDataset(infos, make_run(), "train", True)
    first = dataset[2]
    _ = again[0], again[1]
    assert all(equal(first, again[2]).values())
    assert not equal(first, dataset.item(1, 2))["images"]
    assert all(equal(first, dataset.item(0, 2)).values())
    assert not equal(first, KeyFrameDataset(infos, make_run(seed=1), "train", True)[2])["images"]


def test_other_terms_leave_the_augmentation_alone(infos, make_run):
    """Variants of a seed see the same pictures and boxes, so that their difference is paired."""
    full = KeyFrameDataset(infos, make_run(), "train", True)[1]
    base = KeyFrameDataset(infos, make_run(terms={"detection": 1.0}), "train", True)[1]
    assert torch.equal(full.images, base.images)
    assert torch.equal(full.boxes, base.boxes)
    assert torch.equal(full.cameras.bda, base.cameras.bda)


def test_evaluation_draws_nothing(infos, make_run):
    dataset = KeyFrameDataset(infos, make_run(), "val", False)
    rng = RandomState(0)
    item = dataset.load(1, rng)
    assert rng.random_sample() == RandomState(0).random_sample()
    assert all(equal(item, dataset.item(5, 1)).values())
    assert torch.equal(item.cameras.bda, torch.eye(4))


def test_a_kept_image_is_the_image(infos, make_run):
    plain = KeyFrameDataset(infos, make_run(), "train", True)
    kept = KeyFrameDataset(infos, make_run(), "train", True, cache_images=True)
    for _ in range(2):
        assert all(equal(plain[3], kept[3]).values())


def frames(infos: Infos, run, split: str, index: int, training: bool) -> list[list[str]]:
    """Token of the sample that each frame of an item was taken from, told by its camera matrices."""
    dataset = KeyFrameDataset(infos, run, split, training)
    item = dataset.load(index, RandomState(0))
    names = []
    for frame in item.cameras.sensor2ego:
        sample = [
            s
            for s in range(len(infos.samples.token))
            if torch.allclose(frame, _sensor2ego(infos, s, int(dataset.rows[index])), atol=1e-3)
        ]
        names.append(infos.samples.token[sample[0]].as_py().split("-")[-1])
    return names


def _sensor2ego(infos: Infos, sample: int, key: int) -> torch.Tensor:
    matrices = []
    for row, key_row in zip(range(6 * sample, 6 * sample + 6), range(6 * key, 6 * key + 6), strict=True):
        c = infos.cameras
        ego = Quaternion(c.ego_rotation[row]).transformation_matrix
        ego[:3, 3] = c.ego_translation[row]
        sensor = Quaternion(c.sensor_rotation[row]).transformation_matrix
        sensor[:3, 3] = c.sensor_translation[row]
        target = Quaternion(c.ego_rotation[key_row]).transformation_matrix
        target[:3, 3] = c.ego_translation[key_row]
        matrices.append(np.linalg.inv(target) @ ego @ sensor)
    return torch.from_numpy(np.stack(matrices)).float()


@pytest.mark.parametrize(
    ("index", "training", "corrected", "expected"),
    [
        (3, True, (), ["s3", "s1", "s2"]),
        (1, True, (), ["s1", "s1", "s0"]),  # -2 is missing: the last valid frame so far is the current one
        (1, False, (), ["s1", "s1", "s0"]),
        (0, True, (), ["s0", "s0", "s0"]),
    ],
)
def test_past_frames(infos, make_run, index, training, corrected, expected):
    run = make_run(offsets=(0, -2, -1), corrected=corrected)
    assert frames(infos, run, "train", index, training) == expected


def test_a_missing_past_frame_is_the_last_valid_one_or_the_current_one(infos, make_run):
    released, corrected = (
        make_run(offsets=(0, -1, -3)),
        make_run(offsets=(0, -1, -3), corrected=("missing_past_frame",)),
    )
    assert frames(infos, released, "train", 2, True) == ["s2", "s1", "s1"]
    assert frames(infos, released, "train", 2, False) == ["s2", "s1", "s2"]
    assert frames(infos, corrected, "train", 2, True) == ["s2", "s1", "s1"]
    assert frames(infos, corrected, "train", 2, False) == ["s2", "s1", "s1"]
    # A frame of another scene is missing too: the first of the second scene has none before it.
    assert frames(infos, released, "val", 0, True) == ["s0", "s0", "s0"]


def devkit_boxes(devkit: NuScenes, token: str, ego: dict) -> list:
    boxes = []
    for annotation in devkit.get("sample", token)["anns"]:
        record = devkit.get("sample_annotation", annotation)
        if record["num_lidar_pts"] + record["num_radar_pts"] == 0 or "animal" in record["category_name"]:
            continue
        box = devkit.get_box(annotation)
        box.velocity = devkit.box_velocity(annotation)
        box.translate(-np.array(ego["translation"]))
        box.rotate(Quaternion(ego["rotation"]).inverse)
        boxes.append(box)
    return boxes


def test_boxes_are_the_devkits_in_the_lidars_ego_frame(infos, make_run, devkit):
    dataset = KeyFrameDataset(infos, make_run("label-encoder", corrected=("ego_pose", "nan_targets")), "train", False)
    for index, token in enumerate(dataset.tokens):
        item = dataset[index]
        lidar = devkit.get("sample_data", devkit.get("sample", token)["data"]["LIDAR_TOP"])
        expected = devkit_boxes(devkit, token, devkit.get("ego_pose", lidar["ego_pose_token"]))
        assert len(item.boxes) == len(expected)
        for ours, box in zip(item.boxes.numpy(), expected, strict=True):
            np.testing.assert_allclose(ours[:3], box.center, atol=1e-4)
            np.testing.assert_allclose(ours[3:6], box.wlh[[1, 0, 2]], rtol=1e-6)
            assert ours[6] == pytest.approx(box.orientation.yaw_pitch_roll[0], abs=1e-5)
            np.testing.assert_allclose(ours[7:], box.velocity[:2], atol=1e-5)


def test_boxes_come_back_to_the_global_frame(infos, make_run, devkit):
    dataset = KeyFrameDataset(infos, make_run("label-encoder"), "train", False)
    for index, token in enumerate(dataset.tokens):
        item = dataset[index]
        pose = item.ego2global.numpy()
        centre, wlh, rotation, _ = ego_to_global(item.boxes.numpy(), quaternion_of_matrix(pose[:3, :3]), pose[:3, 3])
        records = [devkit.get("sample_annotation", a) for a in devkit.get("sample", token)["anns"]]
        records = [r for r in records if r["num_lidar_pts"] + r["num_radar_pts"] and "animal" not in r["category_name"]]
        np.testing.assert_allclose(centre, [r["translation"] for r in records], atol=2e-4)
        np.testing.assert_allclose(wlh, [r["size"] for r in records], rtol=1e-6)
        for ours, record in zip(rotation, records, strict=True):
            assert Quaternion.absolute_distance(Quaternion(ours), Quaternion(record["rotation"])) < 0.03


def test_the_mean_pose_of_the_cameras_is_the_released_frame(infos, make_run):
    item = KeyFrameDataset(infos, make_run("label-encoder"), "train", False)[1]
    rows = infos.cameras_of(1)
    np.testing.assert_allclose(item.ego2global[:3, 3], infos.cameras.ego_translation[rows].mean(axis=0))
    mended = KeyFrameDataset(infos, make_run("label-encoder", corrected=("ego_pose",)), "train", False)[1]
    key = infos.sweeps_of(1).start
    np.testing.assert_allclose(mended.ego2global[:3, 3], infos.sweeps.ego_translation[key])
    assert not torch.allclose(item.boxes, mended.boxes, atol=1e-3)


def test_under_the_corrected_pose_cameras_and_boxes_share_a_frame(infos, make_run, devkit):
    """A box centre projected through our matrices lands where the devkit's own chain puts it."""
    run = make_run(offsets=(0, -1), corrected=("ego_pose", "sweep_precision"))
    dataset = KeyFrameDataset(infos, run, "train", False)
    item, token = dataset[1], dataset.tokens[1]
    for n, camera in enumerate(CAMERAS):
        data = devkit.get("sample", token)["data"][camera]
        boxes = devkit.get_sample_data(data, box_vis_level=0)[1]
        everything = {b.token: b for b in devkit.get_boxes(data)}
        assert len(boxes) <= len(everything)
        record = devkit.get("sample_data", data)
        ego, sensor = (
            devkit.get("ego_pose", record["ego_pose_token"]),
            devkit.get("calibrated_sensor", record["calibrated_sensor_token"]),
        )
        for row, ours in enumerate(item.boxes):
            box = devkit_boxes(devkit, token, ego)[row]
            box.translate(-np.array(sensor["translation"]))
            box.rotate(Quaternion(sensor["rotation"]).inverse)
            to_camera = torch.linalg.inv(item.cameras.sensor2ego[0, n].double())
            point = to_camera[:3, :3] @ ours[:3].double() + to_camera[:3, 3]
            np.testing.assert_allclose(point, box.center, atol=2e-4)


def test_matrices_of_intrinsics_and_augmentation(infos, make_run):
    dataset = KeyFrameDataset(infos, make_run(), "train", True)
    item = dataset.load(1, RandomState(4))
    changes = dataset.image_augmentations(1, RandomState(4))
    for f in range(2):
        for n in range(6):
            np.testing.assert_array_equal(item.cameras.ida[f, n], changes[n].matrix)
            expected = infos.cameras.intrinsics[6 * (1 - f) + n].reshape(3, 3)
            np.testing.assert_allclose(item.cameras.intrinsics[f, n, :3, :3], expected)
            assert item.cameras.intrinsics[f, n, 3].tolist() == [0, 0, 0, 1]


def test_the_cloud_is_the_devkits_sweeps(infos, make_run, devkit):
    """Oracle: LidarPointCloud.from_file_multisweep, which walks the past and works in float64 sensor frames."""
    run = make_run("teacher", corrected=("future_sweeps", "first_frame_sweeps", "sweep_precision"))
    options = replace(LoadingOptions.from_settings(run, training=False), max_point_distance_m=1e9)
    dataset = KeyFrameDataset(infos, run, "train", False, options=options)
    sample = devkit.get("sample", dataset.tokens[2])
    cloud, times = LidarPointCloud.from_file_multisweep(devkit, sample, "LIDAR_TOP", "LIDAR_TOP", 6, min_distance=0.0)
    record = devkit.get("sample_data", sample["data"]["LIDAR_TOP"])
    sensor = devkit.get("calibrated_sensor", record["calibrated_sensor_token"])
    cloud.rotate(Quaternion(sensor["rotation"]).rotation_matrix)
    cloud.translate(np.array(sensor["translation"]))
    ours = dataset[2].points.numpy()
    assert ours.shape == (6 * 240, 5)
    np.testing.assert_allclose(ours[:, :3], cloud.points[:3].T, atol=2e-3)
    np.testing.assert_allclose(ours[:, 3], cloud.points[3])
    np.testing.assert_allclose(ours[:, 4], times[0], atol=1e-5)


def test_sweeps_from_the_future_have_negative_lags_and_can_be_left_out(infos, make_run):
    released = KeyFrameDataset(infos, make_run("teacher"), "train", False)
    lags = np.unique(np.round(released[1].points[:, 4].numpy(), 4))
    assert (len(lags), (lags < 0).sum(), (lags > 0).sum()) == (9, 3, 5)
    past = KeyFrameDataset(infos, make_run("teacher", corrected=("future_sweeps",)), "train", False)
    assert past[1].points[:, 4].min() == 0
    # The first key frame: nine copies of itself, or itself and what follows.
    assert (released[0].points[:, 4] == 0).all()
    copies = released[0].points.reshape(9, -1, 5)
    assert torch.equal(copies[0].expand_as(copies), copies)
    mended = KeyFrameDataset(infos, make_run("teacher", corrected=("first_frame_sweeps",)), "train", False)[0].points
    assert len(np.unique(np.round(mended[:, 4].numpy(), 4))) == 4


def test_far_points_are_dropped_in_their_own_frame(infos, make_run, tiny):
    item = KeyFrameDataset(
        infos, make_run("teacher", corrected=("first_frame_sweeps", "future_sweeps")), "train", False
    )
    file = infos.sweeps.file[infos.sweeps_of(0).start].as_py()
    raw = np.fromfile(tiny.root / file, dtype=np.float32).reshape(-1, 5)
    assert len(item[0].points) == np.count_nonzero(np.hypot(raw[:, 0], raw[:, 1]) < 58.0) < 240


def test_the_bev_scale_acts_on_lidar_heights_only_when_corrected(infos, make_run):
    plain = KeyFrameDataset(infos, make_run("teacher"), "train", False)[1].points
    rng = RandomState(2)
    released = KeyFrameDataset(infos, make_run("teacher"), "train", True).load(1, RandomState(2))
    corrected = KeyFrameDataset(infos, make_run("teacher", corrected=("lidar_z_scale",)), "train", True)
    rng.uniform()
    scale = 0.95 + 0.1 * rng.random_sample()
    assert abs(scale - 1) > 0.005
    np.testing.assert_array_equal(released.points[:, 2], plain[:, 2])
    np.testing.assert_allclose(corrected.load(1, RandomState(2)).points[:, 2], plain[:, 2] * scale, rtol=1e-5)
    turned = torch.linalg.norm(released.points[:, :2], dim=1)
    np.testing.assert_allclose(turned, torch.linalg.norm(plain[:, :2], dim=1) * scale, rtol=1e-5)


def test_more_points_than_allowed_are_thinned(infos, make_run):
    run = make_run("teacher")
    run = run.model_copy(update={"data": run.data.model_copy(update={"max_points": 300})})
    item = KeyFrameDataset(infos, run, "train", True)[1]
    assert len(item.points) == 300


def test_unknown_velocities_are_zero_or_stay_unknown(infos, make_run):
    released = KeyFrameDataset(infos, make_run("label-encoder"), "train", True)
    mended = KeyFrameDataset(infos, make_run("label-encoder", corrected=("nan_targets",)), "train", True)
    unknown = 0
    for index in range(len(released)):
        a, b = released[index].boxes, mended[index].boxes
        missing = torch.isnan(b).any(dim=1)
        assert torch.isfinite(a).all()
        assert torch.isfinite(b[:, :7]).all()
        assert (a[missing, 7:] == 0).all()
        assert torch.equal(a[~missing], b[~missing])
        unknown += int(missing.sum())
    assert unknown > 0


def test_ground_truth_of_the_label_encoders_evaluation(infos, make_run):
    assert len(KeyFrameDataset(infos, make_run("label-encoder"), "val", False)[0].boxes) > 0
    released = make_run("label-encoder", released=("label_encoder_eval",))
    assert KeyFrameDataset(infos, released, "val", False)[0].boxes.shape == (0, 9)
    assert len(KeyFrameDataset(infos, released, "val", True)[0].boxes) > 0


def test_boxes_need_points_of_lidar_and_radar_together(infos, make_run):
    run = make_run("label-encoder")
    for least in (0, 1, 4, 99):
        changed = run.model_copy(update={"data": run.data.model_copy(update={"min_lidar_points": least})})
        boxes, table = KeyFrameDataset(infos, changed, "train", False), infos.annotations
        for index in range(4):
            rows = infos.annotations_of(index)
            points = table.num_lidar_pts[rows] + table.num_radar_pts[rows]
            kept = table.label[rows][(table.label[rows] >= 0) & (points >= least)]
            assert boxes[index].labels.tolist() == kept.tolist()


@pytest.mark.parametrize("switch", ["colour_order", "depth_map_pixels"])
def test_switches_of_the_camera_change_their_part_only(infos, make_run, switch):
    released = KeyFrameDataset(infos, make_run(), "train", True)[1]
    corrected = KeyFrameDataset(infos, make_run(corrected=(switch,)), "train", True)[1]
    changed = {name for name, same in equal(released, corrected).items() if not same}
    assert changed == {"colour_order": {"images"}, "depth_map_pixels": {"depth"}}[switch]


def test_a_batch_stacks_and_pads(infos, make_run):
    dataset = KeyFrameDataset(infos, make_run(), "train", True)
    items = [dataset[0], dataset[3], dataset[1]]
    batch = dataset.collate(items)
    longest = max(len(item.points) for item in items)
    assert batch.images.shape == (3, 2, 6, 3, 32, 48)
    assert batch.depth.shape == (3, 6, 32, 48)
    assert batch.cameras.sensor2ego.shape == (3, 2, 6, 4, 4)
    assert batch.cameras.bda.shape == (3, 4, 4)
    assert batch.points.shape == (3, longest, 5)
    assert batch.tokens == [item.token for item in items] == [dataset.tokens[i] for i in (0, 3, 1)]
    assert batch.ego2global.shape == (3, 4, 4)
    assert batch.ego2global.dtype == torch.float64
    for b, item in enumerate(items):
        assert torch.equal(batch.points[b, : len(item.points)], item.points)
        assert (batch.points[b, len(item.points) :] == -999).all()
        assert torch.equal(batch.boxes[b], item.boxes)
        assert torch.equal(batch.images[b], item.images)
    assert len(batch) == 3


def test_a_missing_or_truncated_file_is_named(own: Path, tmp_path: Path, make_run):
    infos = Infos.open(build_infos(make_run().data, own, tmp_path / "infos"), own)
    image = own / infos.cameras.file[8].as_py()
    image.write_bytes(image.read_bytes()[:-200])
    dataset = KeyFrameDataset(infos, make_run(), "train", True)
    with pytest.raises(InputError, match=image.name):
        dataset[1]
    image.unlink()
    with pytest.raises(InputError, match=rf"{image.name}: no such image"):
        dataset[1]
    cloud = own / infos.sweeps.file[infos.sweeps_of(3).start + 2].as_py()
    cloud.write_bytes(cloud.read_bytes()[:-3])
    with pytest.raises(InputError, match=rf"{cloud.name}: .*not a whole number of points"):
        dataset[3]


def test_the_real_frame_at_the_released_size(real_infos: Infos, make_run):
    run = make_run(offsets=(0, -2, -4), corrected=("first_frame_sweeps",))
    image = run.student.image.model_copy(update={"size_px": (256, 704), "resize_range": (0.386, 0.55)})
    run = run.model_copy(update={"student": run.student.model_copy(update={"image": image})})
    item = KeyFrameDataset(real_infos, run, "train", True)[0]
    assert item.images.shape == (3, 6, 3, 256, 704)
    assert torch.equal(item.images[0], item.images[2])  # a single-frame scene
    assert 30_000 < len(item.points) < 34_688
    assert (item.depth > 0).sum() > 5_000
    assert torch.isfinite(item.boxes).all()
    # The cloud really lies in the boxes' frame: points counted in the boxes are about those of nuScenes' own count.
    plain = KeyFrameDataset(
        real_infos, make_run("teacher", corrected=("first_frame_sweeps", "ego_pose")), "train", False
    )[0]
    counted = 0
    for box in plain.boxes:
        offset = plain.points[:, :3] - box[:3]
        along = offset[:, 0] * torch.cos(box[6]) + offset[:, 1] * torch.sin(box[6])
        across = -offset[:, 0] * torch.sin(box[6]) + offset[:, 1] * torch.cos(box[6])
        inside = (along.abs() <= box[3] / 2) & (across.abs() <= box[4] / 2) & (offset[:, 2].abs() <= box[5] / 2)
        counted += int(inside.sum())
    near = real_infos.annotations
    official = int(near.num_lidar_pts[near.label >= 0].sum())
    assert official * 0.9 < counted <= official * 1.02
