import json
from pathlib import Path

import numpy as np
import pytest
from nuscenes.nuscenes import NuScenes
from tiny_nuscenes import VERSION, TinyWorld

from labeldistill.config.data import CAMERAS
from labeldistill.errors import InputError
from labeldistill.nuscenes.annotations import CLASS_OF_CATEGORY, read_annotations
from labeldistill.nuscenes.key_frames import read_cameras, read_samples, read_scenes, read_sweeps
from labeldistill.nuscenes.tables import Tables

BOTH = {"train": ["scene-0003"], "val": ["scene-0001", "scene-0003"]}


def read(root: Path, version: str = VERSION, splits=BOTH):
    tables = Tables(root, version)
    scenes = read_scenes(tables, splits)
    return tables, scenes, read_samples(tables, scenes)


@pytest.fixture(scope="session")
def devkit(tiny: TinyWorld) -> NuScenes:
    return NuScenes(VERSION, str(tiny.root), verbose=False)


def test_scenes_know_their_splits_and_place(tiny: TinyWorld):
    _, scenes, _ = read(tiny.root)
    assert scenes.name.to_pylist() == ["scene-0001", "scene-0003"]
    assert scenes.location.to_pylist() == ["boston-seaport", "singapore-queenstown"]
    assert scenes.in_train.tolist() == [False, True]
    assert scenes.in_val.tolist() == [True, True]
    assert scenes.in_tuning.tolist() == [False, False]


def test_samples_follow_the_chain_of_their_scene(tiny: TinyWorld, devkit: NuScenes):
    _, _, samples = read(tiny.root)
    chain = []
    for scene in devkit.scene:
        token, order = scene["first_sample_token"], 0
        while token:
            chain.append((token, order))
            token, order = devkit.get("sample", token)["next"], order + 1
    assert list(zip(samples.token.to_pylist(), samples.order.tolist(), strict=True)) == chain
    assert samples.scene.tolist() == [0, 0, 0, 0, 1, 1, 1]


def test_rows_in_any_order_give_the_same_samples(own: Path):
    _, _, before = read(own)
    for name in ("sample", "sample_data"):
        file = own / VERSION / f"{name}.json"
        file.write_text(json.dumps(json.loads(file.read_text())[::-1]))
    tables, _, after = read(own)
    assert after.token.to_pylist() == before.token.to_pylist()
    assert read_cameras(tables, after).file[6].as_py().startswith("samples/CAM_FRONT_LEFT/scene-0001-s1")


def test_a_camera_matrix_without_an_inverse_is_named(own: Path):
    file = own / VERSION / "calibrated_sensor.json"
    rows = json.loads(file.read_text())
    camera = next(row for row in rows if row["camera_intrinsic"])
    camera["camera_intrinsic"][1][1] = 0.0
    file.write_text(json.dumps(rows))
    tables, _, samples = read(own)
    with pytest.raises(InputError, match=f"camera_intrinsic: `{camera['token']}` has a matrix without an inverse"):
        read_cameras(tables, samples)


def test_cameras_are_the_devkits_records(tiny: TinyWorld, devkit: NuScenes):
    tables, _, samples = read(tiny.root)
    cameras = read_cameras(tables, samples)
    row = 0
    for token in samples.token.to_pylist():
        for channel in CAMERAS:
            data = devkit.get("sample_data", devkit.get("sample", token)["data"][channel])
            sensor = devkit.get("calibrated_sensor", data["calibrated_sensor_token"])
            ego = devkit.get("ego_pose", data["ego_pose_token"])
            assert cameras.file[row].as_py() == data["filename"]
            assert cameras.size_px[row].tolist() == [data["height"], data["width"]]
            assert cameras.intrinsics[row].reshape(3, 3).tolist() == sensor["camera_intrinsic"]
            assert cameras.sensor_rotation[row].tolist() == sensor["rotation"]
            assert cameras.sensor_translation[row].tolist() == sensor["translation"]
            assert np.abs(cameras.ego_rotation[row]).tolist() == np.abs(ego["rotation"]).tolist()  # one sign per sample
            assert cameras.ego_translation[row].tolist() == ego["translation"]
            assert cameras.timestamp_us[row] == data["timestamp"]
            row += 1
    assert row == len(cameras.file)


@pytest.mark.parametrize(("past", "future"), [(5, 3), (0, 0), (12, 1)])
def test_sweeps_walk_the_devkits_chain(tiny: TinyWorld, devkit: NuScenes, past, future):
    tables, _, samples = read(tiny.root)
    sweeps = read_sweeps(tables, samples, past, future)
    expected = []
    for row, token in enumerate(samples.token.to_pylist()):
        key = devkit.get("sample_data", devkit.get("sample", token)["data"]["LIDAR_TOP"])
        expected.append((row, 0, True, key["filename"]))
        for sign, link, steps in ((-1, "prev", past), (1, "next", future)):
            at = key
            for step in range(1, steps + 1):
                if not at[link]:
                    break
                at = devkit.get("sample_data", at[link])
                expected.append((row, sign * step, at["sample_token"] == token, at["filename"]))
    columns = (sweeps.sample.tolist(), sweeps.slot.tolist(), sweeps.own.tolist(), sweeps.file.to_pylist())
    assert list(zip(*columns, strict=True)) == expected


def test_quaternions_of_a_sample_have_one_sign(own: Path):
    _, _, samples = read(own)
    before = read_cameras(Tables(own, VERSION), samples)
    file = own / VERSION / "ego_pose.json"
    poses = json.loads(file.read_text())
    flipped = [pose for pose in poses if pose["token"].endswith(("CAM_BACK", "CAM_FRONT_RIGHT"))]
    assert flipped
    for pose in flipped:
        pose["rotation"] = [-q for q in pose["rotation"]]
    file.write_text(json.dumps(poses))
    after = read_cameras(Tables(own, VERSION), samples)
    np.testing.assert_array_equal(after.ego_rotation, before.ego_rotation)


@pytest.mark.parametrize(
    ("channel", "message"), [("CAM_BACK", "0 key-frame images of CAM_BACK"), ("LIDAR_TOP", "0 key-frame clouds")]
)
def test_a_sample_without_a_sensor_is_named(own: Path, channel, message):
    file = own / VERSION / "sample_data.json"
    rows = json.loads(file.read_text())
    gone = next(r for r in rows if r["is_key_frame"] and channel in r["filename"] and "s2" in r["sample_token"])
    gone["is_key_frame"] = False
    file.write_text(json.dumps(rows))
    tables, _, samples = read(own)
    with pytest.raises(InputError, match=rf"`{gone['sample_token']}` has {message}"):
        read_sweeps(tables, samples, 5, 3) if channel == "LIDAR_TOP" else read_cameras(tables, samples)


def test_a_dangling_link_of_a_cloud_is_named(own: Path):
    file = own / VERSION / "sample_data.json"
    rows = json.loads(file.read_text())
    next(r for r in rows if r["token"] == "sd-scene-0001-lidar5")["next"] = "gone"
    file.write_text(json.dumps(rows))
    tables, _, samples = read(own)
    with pytest.raises(InputError, match=r"sample_data.json: next: `gone`"):
        read_sweeps(tables, samples, 5, 3)


def check_annotations(tables: Tables, samples, devkit: NuScenes) -> int:
    boxes = read_annotations(tables, samples.token)
    row = 0
    for s, token in enumerate(samples.token.to_pylist()):
        for annotation in devkit.get("sample", token)["anns"]:
            box = devkit.get("sample_annotation", annotation)
            assert boxes.token[row].as_py() == annotation
            assert boxes.sample[row] == s
            assert boxes.category[row].as_py() == box["category_name"]
            assert boxes.centre[row].tolist() == box["translation"]
            assert boxes.wlh[row].tolist() == box["size"]
            assert boxes.rotation[row].tolist() == box["rotation"]
            names = [devkit.get("attribute", a)["name"] for a in box["attribute_tokens"]]
            assert boxes.attribute[row].as_py() == (names[0] if names else "")
            assert boxes.visibility[row].as_py() == box["visibility_token"]
            assert (boxes.num_lidar_pts[row], boxes.num_radar_pts[row]) == (box["num_lidar_pts"], box["num_radar_pts"])
            np.testing.assert_allclose(boxes.velocity[row], devkit.box_velocity(annotation), rtol=1e-9)
            row += 1
    assert row == len(boxes.token)
    return row


def test_annotations_are_the_devkits(tiny: TinyWorld, devkit: NuScenes):
    tables, _, samples = read(tiny.root)
    assert check_annotations(tables, samples, devkit) == len(tiny.tables["sample_annotation"])


def test_neighbours_far_in_time_give_no_velocity(own: Path):
    file = own / VERSION / "sample.json"
    rows = json.loads(file.read_text())
    for i, row in enumerate(row for row in rows if row["scene_token"] == "scene-0001"):
        row["timestamp"] += 1_100_000 * i  # neighbours are now 1.6 s apart
    file.write_text(json.dumps(rows))
    tables, _, samples = read(own)
    devkit = NuScenes(VERSION, str(own), verbose=False)
    check_annotations(tables, samples, devkit)
    velocity = read_annotations(tables, samples.token).velocity
    assert 0 < np.isnan(velocity[:, 0]).sum() < len(velocity)


def test_classes_are_the_devkits():
    from nuscenes.eval.detection.utils import category_to_detection_name

    for category, name in CLASS_OF_CATEGORY.items():
        assert category_to_detection_name(category) == name
    assert category_to_detection_name("animal") is None


def test_every_official_category_is_mapped_as_the_devkit_does(real_nuscenes: Path):
    from nuscenes.eval.detection.utils import category_to_detection_name

    for category in Tables(real_nuscenes / "nuscenes", "v1.0-mini")["category"]["name"].to_pylist():
        assert CLASS_OF_CATEGORY.get(category) == category_to_detection_name(category)


def test_a_dangling_attribute_and_an_empty_box_are_named(own: Path):
    file = own / VERSION / "sample_annotation.json"
    rows = json.loads(file.read_text())
    rows[0]["attribute_tokens"] = ["gone"]
    file.write_text(json.dumps(rows))
    tables, _, samples = read(own)
    with pytest.raises(InputError, match=r"attribute_tokens: `gone`"):
        read_annotations(tables, samples.token)
    rows[0] |= {"attribute_tokens": [], "size": [1.0, 0.0, 1.0]}
    file.write_text(json.dumps(rows))
    with pytest.raises(InputError, match=rf"`{rows[0]['token']}` holds a number that is not positive"):
        read_annotations(Tables(own, VERSION), samples.token)


def test_real_annotations_are_the_devkits(real_nuscenes: Path):
    root = real_nuscenes / "nuscenes"
    devkit = NuScenes("v1.0-mini", str(root), verbose=False)
    tables, _, samples = read(root, "v1.0-mini", {"val": ["scene-0061", "scene-0103"]})
    assert check_annotations(tables, samples, devkit) > 2000
