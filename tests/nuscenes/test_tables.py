import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_nuscenes import VERSION, TinyWorld

from labeldistill.errors import InputError
from labeldistill.nuscenes import tables as module
from labeldistill.nuscenes.tables import SCHEMA, Tables, read_table


@pytest.mark.parametrize("name", sorted(SCHEMA))
def test_columns_hold_what_the_json_holds(tiny: TinyWorld, name):
    table = Tables(tiny.root, VERSION)[name]
    rows = [{key: row[key] for key in SCHEMA[name]} for row in tiny.tables[name]]
    if name == "calibrated_sensor":
        for row in rows:
            row["camera_intrinsic"] = [number for line in row["camera_intrinsic"] for number in line]
    assert table.to_pylist() == rows


@pytest.mark.parametrize("piece", [1, 7, 64, 10_000])
def test_reading_in_pieces_changes_nothing(tiny: TinyWorld, piece, monkeypatch):
    file = tiny.root / VERSION / "sample_annotation.json"
    whole = read_table(file, SCHEMA["sample_annotation"])
    monkeypatch.setattr(module, "_PIECE_CHARACTERS", piece)
    monkeypatch.setattr(module, "_BATCH_ROWS", 3)
    assert read_table(file, SCHEMA["sample_annotation"]).to_pylist() == whole.to_pylist()


def test_braces_and_brackets_in_texts_are_text(tmp_path: Path):
    rows = [{"token": "}, {", "name": '"],[\\'}, {"token": "é]", "name": "\n"}]
    for indent in (None, 0, 2):
        (tmp_path / "attribute.json").write_text(json.dumps(rows, indent=indent))
        assert read_table(tmp_path / "attribute.json", SCHEMA["attribute"]).to_pylist() == rows


def test_an_empty_table_has_no_rows(tmp_path: Path):
    (tmp_path / "sample_annotation.json").write_text("[]\n")  # as in v1.0-test
    table = read_table(tmp_path / "sample_annotation.json", SCHEMA["sample_annotation"])
    assert (table.num_rows, table.column_names) == (0, list(SCHEMA["sample_annotation"]))


def test_a_cached_table_is_the_table_and_follows_its_file(own: Path, tmp_path: Path):
    cache = tmp_path / "cache"
    first = Tables(own, VERSION, cache)["sample"]
    assert list(cache.glob("sample-*.parquet"))
    assert Tables(own, VERSION, cache)["sample"].equals(first)
    file = own / VERSION / "sample.json"
    rows = json.loads(file.read_text())
    rows[0]["timestamp"] += 1
    file.write_text(json.dumps(rows))
    changed = Tables(own, VERSION, cache)["sample"]
    assert changed["timestamp"][0].as_py() == first["timestamp"][0].as_py() + 1


def test_a_damaged_cache_is_made_again(tiny: TinyWorld, tmp_path: Path):
    first = Tables(tiny.root, VERSION, tmp_path)["sample"]
    for copy in tmp_path.glob("*"):
        copy.write_bytes(copy.read_bytes()[:20])
    assert Tables(tiny.root, VERSION, tmp_path)["sample"].equals(first)


def test_a_missing_folder_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"nowhere: data.dataroot: no such folder"):
        Tables(tmp_path / "nowhere", VERSION)


def test_a_wrong_version_lists_those_that_are_there(tiny: TinyWorld):
    with pytest.raises(InputError, match=r"no version `v1.0-mini`; versions there: v1.0-trainval"):
        Tables(tiny.root, "v1.0-mini")


def test_a_missing_table_is_named(own: Path):
    (own / VERSION / "ego_pose.json").unlink()
    with pytest.raises(InputError, match=r"ego_pose.json: no such table; tables there: .*sample"):
        Tables(own, VERSION)["ego_pose"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "row 1 is null"),
        ([1.0, 2.0], "expected"),
        ("here", "expected"),
        ([1.0, "x", 2.0], "expected"),
    ],
)
def test_a_value_of_another_type_is_an_error(own: Path, value, message):
    file = own / VERSION / "ego_pose.json"
    rows = json.loads(file.read_text())
    rows[1]["translation"] = value
    file.write_text(json.dumps(rows))
    with pytest.raises(InputError, match=rf"ego_pose.json: translation: .*{message}"):
        Tables(own, VERSION)["ego_pose"]


def test_a_missing_key_names_row_and_key(own: Path):
    file = own / VERSION / "sample.json"
    rows = json.loads(file.read_text())
    del rows[4]["timestamp"]
    file.write_text(json.dumps(rows))
    with pytest.raises(InputError, match=r"sample.json: timestamp: row 4 has no such key"):
        Tables(own, VERSION)["sample"]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_truncation_of_a_table_is_found(tiny: TinyWorld, tmp_path_factory, data):
    text = (tiny.root / VERSION / "sample.json").read_text()
    cut = data.draw(st.integers(0, len(text) - 1))
    file = tmp_path_factory.getbasetemp() / "cut-sample.json"
    file.write_text(text[:cut])
    with pytest.raises(InputError, match=r"cut-sample.json"):
        read_table(file, SCHEMA["sample"])


@pytest.mark.parametrize("text", ["", "{}", "null", '{"token": 1}', "[1, 2]", '["a"]', "[{]"])
def test_other_json_is_refused(tmp_path: Path, text):
    (tmp_path / "sample.json").write_text(text)
    with pytest.raises(InputError, match=r"sample.json"):
        read_table(tmp_path / "sample.json", SCHEMA["sample"])


def test_bytes_that_are_no_text_are_refused(tmp_path: Path):
    (tmp_path / "sample.json").write_bytes(b"[\xff\xfe")
    with pytest.raises(InputError, match=r"not UTF-8"):
        read_table(tmp_path / "sample.json", SCHEMA["sample"])


def test_a_dangling_key_names_table_key_and_token(tiny: TinyWorld):
    tables = Tables(tiny.root, VERSION)
    tokens = tables["sample"]["token"].to_pylist()
    import pyarrow as pa

    rows = tables.rows_of("sample", pa.array(tokens[::-1]), asked_by="sample_data.sample_token")
    assert rows.tolist() == list(range(len(tokens)))[::-1]
    with pytest.raises(InputError, match=r"sample_data.json: sample_token: `gone` is not a token of sample.json"):
        tables.rows_of("sample", pa.array([tokens[0], "gone"]), asked_by="sample_data.sample_token")


def test_the_real_tables_are_read_whole(real_nuscenes: Path):
    tables = Tables(real_nuscenes / "nuscenes", "v1.0-mini")
    for name in SCHEMA:
        rows = json.loads(tables.file(name).read_text())
        assert tables[name].num_rows == len(rows)
        assert tables[name]["token"].to_pylist() == [row["token"] for row in rows]


def test_checksums_are_remembered_by_size_and_time(own: Path, tmp_path: Path):
    import hashlib

    from labeldistill.nuscenes.checksums import Checksums

    file = own / VERSION / "sample.json"
    sums = Checksums(tmp_path)
    assert sums.sha256(file) == hashlib.sha256(file.read_bytes()).hexdigest()
    sums.save()
    shutil.copy2(file, tmp_path / "kept.json")
    file.write_bytes(file.read_bytes() + b" ")
    assert Checksums(tmp_path).sha256(file) == hashlib.sha256(file.read_bytes()).hexdigest()
    with pytest.raises(InputError, match=r"gone\.json"):
        sums.sha256(own / "gone.json")
