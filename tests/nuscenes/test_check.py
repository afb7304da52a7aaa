import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_nuscenes import HEIGHT, VERSION, WIDTH, TinyWorld

from labeldistill.config.data import DataSettings, SynthSettings
from labeldistill.nuscenes.check import check_data
from labeldistill.nuscenes.manifest import build_manifest, manifest_hash
from labeldistill.nuscenes.study_files import sampled
from labeldistill.synthetic.write import write_world

DATA = DataSettings(
    dataroot="world", version=VERSION, splits={"train": ("scene-0001",), "val": ("scene-0001", "scene-0003")}
)
ONE_SCENE = DataSettings(dataroot="world", version=VERSION, splits={"train": ("scene-0001",), "val": ("scene-0001",)})


def found(root: Path, data: DataSettings = DATA) -> dict[str, str]:
    return {problem.file: problem.what for problem in check_data(data, root).problems}


def some_image(root: Path) -> Path:
    return sorted((root / "samples" / "CAM_BACK").glob("scene-0001*.jpg"))[1]


def test_a_whole_folder_is_whole(tiny: TinyWorld):
    report = check_data(DATA, tiny.root)
    assert report.whole
    assert report.key_frames == {"train": 4, "val": 7}
    assert report.images == 7 * 6
    boxes = tiny.tables["sample_annotation"]
    kinds = {row["token"]: row["category_token"] for row in tiny.tables["instance"]}
    cars = [row for row in boxes if kinds[row["instance_token"]] == "cat-vehicle.car"]
    assert report.boxes["car"] == len(cars)
    assert report.boxes["trailer"] == 0
    images = sum(path.stat().st_size for path in tiny.root.glob("samples/CAM*/*"))
    clouds = {row["filename"] for row in tiny.tables["sample_data"] if "LIDAR" in row["filename"]}
    assert report.clouds <= len(clouds)
    assert report.bytes == images + report.clouds * 240 * 20


@pytest.mark.parametrize("kept", [0, 1, 100, -40, -2, -1])
def test_a_truncated_image_is_found(own: Path, kept, monkeypatch):
    monkeypatch.setattr("labeldistill.nuscenes.check.DECODED_BYTES", 0)  # found without luck in sampling
    image = some_image(own)
    image.write_bytes(image.read_bytes()[:kept])
    problems = found(own)
    assert list(problems) == [image.relative_to(own).as_posix()]


def test_bytes_after_a_jpegs_end_are_no_problem(own: Path):
    some_image(own).write_bytes(some_image(own).read_bytes() + b"\0\0\0")
    assert found(own) == {}


def test_an_image_of_another_size_or_kind_is_found(own: Path):
    Image.new("RGB", (WIDTH * 2, HEIGHT)).save(some_image(own))
    assert "36 x 128 pixels, the tables say 36 x 64" in found(own)[some_image(own).relative_to(own).as_posix()]
    some_image(own).write_text("this is no image")
    assert "can't be decoded" in found(own)[some_image(own).relative_to(own).as_posix()]


def test_missing_files_are_all_listed(own: Path):
    image = some_image(own)
    image.unlink()
    sweep = next((own / "sweeps").rglob("scene-0001_6.pcd.bin"))
    sweep.unlink()
    assert found(own) == {path.relative_to(own).as_posix(): "no such file" for path in (image, sweep)}


@pytest.mark.parametrize("size", [0, 19, 240 * 20 - 1])
def test_a_truncated_cloud_is_found(own: Path, size):
    cloud = next((own / "samples").rglob("scene-0001_8.pcd.bin"))
    cloud.write_bytes(cloud.read_bytes()[:size])
    assert list(found(own)) == [cloud.relative_to(own).as_posix()]


def test_a_cloud_with_nan_is_found(own: Path):
    cloud = next((own / "samples").rglob("scene-0001_8.pcd.bin"))
    points = np.fromfile(cloud, dtype=np.float32)
    points[7] = np.nan
    points.tofile(cloud)
    assert "not finite" in found(own)[cloud.relative_to(own).as_posix()]


def test_clouds_that_are_no_clouds_are_named(own: Path):
    cloud = next((own / "samples").rglob("scene-0001_8.pcd.bin"))
    points = np.fromfile(cloud, dtype=np.float32).reshape(-1, 5)
    name = cloud.relative_to(own).as_posix()
    for changed, words in (
        (points * 0, "at the sensor itself"),
        (np.delete(points, 4, axis=1)[: len(points) // 5 * 5], "not ring indices"),
        (points[: len(points) // 8], "only 30 points, the others have about 240"),
    ):
        changed.tofile(cloud)
        assert words in found(own)[name]


def test_a_hole_in_an_image_is_found_although_it_decodes(own: Path):
    image = some_image(own)
    noise = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    Image.fromarray(noise).save(image, quality=95)
    data = image.read_bytes()
    assert found(own) == {}
    image.write_bytes(data[: len(data) // 2] + bytes(len(data) // 2 - 2) + b"\xff\xd9")
    assert "hole of zero bytes" in found(own)[image.relative_to(own).as_posix()]


def test_boxes_in_another_frame_than_the_points_are_found(tmp_path: Path):
    """A real world, ray-cast, whose boxes are moved: the counts in the tables no longer fit the clouds."""
    world = tmp_path / "synthetic"
    write_world(SynthSettings(scenes={"train": 1, "val": 1}, key_frames_per_scene=2, sweeps_per_key_frame=0), world)
    data = DataSettings(
        dataroot="x", splits={"train": "synth_train", "val": "synth_val"}, past_sweeps=0, future_sweeps=0
    )
    assert check_data(data, world).whole
    file = world / "v1.0-trainval" / "sample_annotation.json"
    rows = json.loads(file.read_text())
    for row in rows:
        row["translation"][0] += 60.0
    file.write_text(json.dumps(rows))
    problems = check_data(data, world).problems
    assert len(problems) == 4
    assert all("boxes or points in another frame" in problem.what for problem in problems)


def test_files_of_scenes_outside_the_study_may_be_missing(own: Path):
    for path in [*own.rglob("scene-0003*.jpg"), *own.rglob("scene-0003*.bin")]:
        path.unlink()
    assert check_data(ONE_SCENE, own).whole
    assert len(found(own)) > 3 * 7


def test_the_one_whole_real_frame_is_whole(real_nuscenes: Path):
    data = DataSettings(dataroot="x", version="v1.0-mini", splits={"train": ("scene-0061",), "val": ("scene-0061",)})
    report = check_data(data, real_nuscenes / "nuscenes")
    assert report.whole
    assert (report.images, report.clouds, report.decoded) == (6, 1, 7)
    assert report.boxes_without_velocity == sum(report.boxes.values()) == 68


def test_a_manifest_is_the_same_for_a_copy_elsewhere(tiny: TinyWorld, own: Path, tmp_path: Path):
    first = build_manifest(DATA, tiny.root)
    assert build_manifest(DATA, own, tmp_path / "cache") == first
    assert build_manifest(DATA, own, tmp_path / "cache") == first  # from remembered checksums
    assert str(tiny.root) not in str(first)
    train = first["splits"]["train"]
    assert (train["scenes"], train["key_frames"]) == (["scene-0001"], 4)
    assert sum(folder["files"] for folder in first["files"].values()) == len(
        {row["filename"] for row in tiny.tables["sample_data"]}
    )


def test_any_changed_byte_changes_the_hash(own: Path):
    before = manifest_hash(build_manifest(DATA, own))
    table = own / VERSION / "visibility.json"
    text = table.read_text()
    table.write_text(text.replace("v1", "v9"))
    changed = manifest_hash(build_manifest(DATA, own))
    assert changed != before
    table.write_text(text)
    assert manifest_hash(build_manifest(DATA, own)) == before
    some_image(own).unlink()
    manifest = build_manifest(DATA, own)
    assert manifest["files"]["samples/CAM_BACK"]["missing"] == 1
    assert manifest_hash(manifest) != before
    assert manifest_hash(build_manifest(ONE_SCENE, own)) != manifest_hash(manifest)


def test_sampling_is_repeatable_and_within_bounds():
    names = [f"file-{n}" for n in range(1000)]
    rows = sampled(names, 50)
    assert rows == sorted(set(rows)) == sampled(names, 50)
    assert len(rows) == 50
    assert sampled(names, 2000) == list(range(1000))
    shuffled = names[::-1]
    assert {names[row] for row in rows} == {shuffled[row] for row in sampled(shuffled, 50)}
