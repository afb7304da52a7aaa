"""Values that cannot occur in nuScenes tables: errors name table, token and field before anything uses them."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_nuscenes import VERSION

from labeldistill.config.data import DataSettings
from labeldistill.errors import InputError
from labeldistill.evaluation.ground_truth_cache import open_ground_truth
from labeldistill.nuscenes.check import check_data
from labeldistill.nuscenes.table_values import RULES
from labeldistill.nuscenes.tables import SCHEMA, Tables

DATA = DataSettings(dataroot="world", version=VERSION, splits={"train": ("scene-0001",), "val": ("scene-0003",)})
Row = dict[str, Any]


def _set(field: str, value: Any) -> Callable[[Row], None]:
    return lambda row: row.update({field: value})


def _nth(field: str, place: int, value: float) -> Callable[[Row], None]:
    return lambda row: row.update({field: [*row[field][:place], value, *row[field][place + 1 :]]})


BAD: dict[str, tuple[str, Callable[[Row], None], str]] = {
    "seconds": ("sample", lambda row: row.update(timestamp=row["timestamp"] / 1e6), "timestamp: .*not a whole number"),
    "whole seconds": ("sample", lambda row: row.update(timestamp=row["timestamp"] // 10**6), "not a Unix time"),
    "nanoseconds": ("sample_data", lambda row: row.update(timestamp=row["timestamp"] * 1000), "not a Unix time"),
    "NaN size": ("sample_annotation", _nth("size", 1, math.nan), "size: .* holds NaN"),
    "no size": ("sample_annotation", _nth("size", 2, 0.0), "size: .* not positive"),
    "NaN centre": ("sample_annotation", _nth("translation", 0, math.nan), "translation: .* holds NaN"),
    "zero quaternion": ("sample_annotation", _set("rotation", [0, 0, 0, 0]), "rotation: .* a zero quaternion"),
    "negative points": ("sample_annotation", _set("num_lidar_pts", -1), "num_lidar_pts: .* is negative"),
    "NaN ego pose": ("ego_pose", _nth("translation", 1, math.inf), "translation: .* holds NaN or infinity"),
    "zero ego rotation": ("ego_pose", _set("rotation", [0.0, 0.0, 0.0, 1e-9]), "rotation: .* a zero quaternion"),
    "NaN calibration": ("calibrated_sensor", _nth("rotation", 3, math.nan), "rotation: .* holds NaN"),
    "far away": ("sample_annotation", _nth("translation", 0, 1e9), "translation: .* 1,000 km"),
    "centimetres": ("sample_annotation", _nth("size", 1, 460.0), "size: .* larger than 200 m"),
    "unknown visibility": ("sample_annotation", _set("visibility_token", "9"), "visibility_token: .* no visibility"),
    "sensor beside the car": ("calibrated_sensor", _nth("translation", 0, 1700.0), "translation: .* 20 m"),
    "way out": ("sample_data", _set("filename", "../../etc/passwd"), "leads out of the data root"),
    "absolute": ("sample_data", _set("filename", "/etc/passwd"), "leads out of the data root"),
}


def _edit(root: Path, table: str, change: Callable[[Row], None], at: int = 3) -> Row:
    file = root / VERSION / f"{table}.json"
    rows: list[Row] = json.loads(file.read_text())
    change(rows[at])
    file.write_text(json.dumps(rows))
    return rows[at]


@pytest.mark.parametrize("name", BAD)
def test_a_bad_value_is_named_by_the_data_check(own: Path, name: str) -> None:
    table, change, words = BAD[name]
    row = _edit(own, table, change)
    with pytest.raises(InputError, match=rf"{table}\.json: {words}|{table}\.json: \w+: .*{words}") as caught:
        check_data(DATA, own)
    assert row["token"] in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", ["NaN size", "NaN centre", "zero quaternion", "seconds"])
def test_evaluation_refuses_it_too(own: Path, tmp_path: Path, name: str) -> None:
    table, change, _ = BAD[name]
    _edit(own, table, change)
    for cache in (None, tmp_path / "cache", tmp_path / "cache"):
        with pytest.raises(InputError, match=table):
            open_ground_truth(own, VERSION, ("scene-0001",), cache=cache)


def test_every_rule_is_of_a_column_that_is_read() -> None:
    assert all(set(rules) <= set(SCHEMA[table]) for table, rules in RULES.items())


def test_a_token_of_two_rows_is_named(own: Path) -> None:
    first = json.loads((own / VERSION / "ego_pose.json").read_text())[0]["token"]
    _edit(own, "ego_pose", _set("token", first))
    with pytest.raises(InputError, match=f"`{first}` identifies 2 rows"):
        Tables(own, VERSION)["ego_pose"]


def test_a_box_of_two_attributes_is_refused_unless_its_class_is_never_scored(own: Path) -> None:
    kinds = {row["token"]: row["category_token"] for row in json.loads((own / VERSION / "instance.json").read_text())}
    rows = json.loads((own / VERSION / "sample_annotation.json").read_text())
    both = [row["token"] for row in json.loads((own / VERSION / "attribute.json").read_text())][:2]
    places = {kinds[row["instance_token"]]: place for place, row in enumerate(rows)}
    _edit(own, "sample_annotation", _set("attribute_tokens", both), places["cat-animal"])
    check_data(DATA, own)
    bad = _edit(own, "sample_annotation", _set("attribute_tokens", both), places["cat-vehicle.car"])
    with pytest.raises(InputError, match=f"attribute_tokens: `{bad['token']}` has 2 attributes"):
        check_data(DATA, own)


def test_times_that_run_backwards_are_named(own: Path) -> None:
    file = own / VERSION / "sample.json"
    rows = json.loads(file.read_text())
    rows[1]["timestamp"], rows[2]["timestamp"] = rows[2]["timestamp"], rows[1]["timestamp"]
    file.write_text(json.dumps(rows))
    with pytest.raises(InputError, match=r"sample\.json: next: .*do times run backwards"):
        check_data(DATA, own)


def test_a_cloud_before_the_one_before_it_is_named(own: Path) -> None:
    file = own / VERSION / "sample_data.json"
    rows = json.loads(file.read_text())
    cloud = next(row for row in rows if "LIDAR" in row["filename"] and row["next"] and row["prev"])
    cloud["timestamp"] -= 10_000_000
    file.write_text(json.dumps(rows))
    with pytest.raises(InputError, match=r"sample_data\.json: next: .* not later in time"):
        check_data(DATA, own)


def _change(root: Path, table: str, change: Callable[[list[Row]], object]) -> None:
    file = root / VERSION / f"{table}.json"
    rows: list[Row] = json.loads(file.read_text())
    change(rows)
    file.write_text(json.dumps(rows))


def _front(rows: list[Row], key_frame: int = 0) -> Row:
    return [row for row in rows if row["filename"].startswith("samples/CAM_FRONT/")][key_frame]


def _late(rows: list[Row]) -> None:
    _front(rows)["timestamp"] += 400_000


def _shared(rows: list[Row]) -> None:
    _front(rows)["filename"] = _front(rows, 1)["filename"]


def _elsewhere(rows: list[Row]) -> None:
    next(row for row in rows if row["token"].endswith("lidar1"))["translation"][0] += 500.0


def _own_next(rows: list[Row]) -> None:
    row = next(row for row in rows if row["next"])
    row["next"] = row["token"]


def _other_instance(rows: list[Row]) -> None:
    row = next(row for row in rows if row["next"])
    other = next(each for each in rows if each["instance_token"] != row["instance_token"] and each["prev"])
    row["next"] = other["token"]


ODD: dict[str, tuple[str, Callable[[list[Row]], object], str]] = {
    "image of another time": ("sample_data", _late, r"sample_data\.json: timestamp: .*taken \+0\.\d+ s from"),
    "one image for two key frames": ("sample_data", _shared, r"filename: .*the key-frame file of 2 rows"),
    "sweep of another scene's place": ("ego_pose", _elsewhere, r"ego_pose\.json: translation: .*the vehicle is"),
    "box that follows itself": ("sample_annotation", _own_next, "prev: .*does not lead back"),
    "box that follows another": ("sample_annotation", _other_instance, "prev: .*leads to another instance"),
    "box given twice": ("sample_annotation", lambda rows: rows.append({**rows[0], "token": "t"}), "has 2 boxes in"),
    "empty token": ("instance", lambda rows: rows.append({**rows[0], "token": ""}), "token: row .* an empty token"),
}


@pytest.mark.parametrize("name", ODD)
def test_rows_that_do_not_belong_together_are_named(own: Path, name: str) -> None:
    table, change, words = ODD[name]
    _change(own, table, change)
    with pytest.raises(InputError, match=words) as caught:
        check_data(DATA, own)
    assert caught.value.exit_code == 2


def test_a_matrix_of_another_image_size_is_named(own: Path) -> None:
    file = own / VERSION / "calibrated_sensor.json"
    rows = json.loads(file.read_text())
    camera = next(row for row in rows if row["camera_intrinsic"])
    camera["camera_intrinsic"] = [[2 * number for number in line] for line in camera["camera_intrinsic"]]
    file.write_text(json.dumps(rows))
    with pytest.raises(InputError, match=f"camera_intrinsic: `{camera['token']}`: the principal point"):
        check_data(DATA, own)


@pytest.mark.parametrize("lost", ["maps", f"{VERSION}/visibility.json", f"{VERSION}/map.json"])
def test_what_only_the_devkit_needs_is_asked_for_before_training(own: Path, lost: str) -> None:
    check_data(DATA, own, devkit=True)
    target = own / lost
    target.rename(target.with_suffix(".away"))
    with pytest.raises(InputError, match="nuscenes-devkit can't load this folder"):
        check_data(DATA, own, devkit=True)
