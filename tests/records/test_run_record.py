"""The run record and its published schema; what code and data provenance notice."""

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from labeldistill.config.load import load_study
from labeldistill.config.runs import run_settings
from labeldistill.errors import InputError
from labeldistill.files import read_json
from labeldistill.records.provenance import code_provenance, data_provenance
from labeldistill.records.run_record import SCHEMA_VERSION, SCHEMAS, build_record, read_record, validator, write_record
from labeldistill.training.job import LocatedRun, Outcome
from labeldistill.training.schedule import run_length

SHA = "0" * 64


@pytest.fixture
def infos(tmp_path: Path) -> Path:
    folder = tmp_path / "infos-abc"
    folder.mkdir()
    (folder / "index.json").write_text(json.dumps({"format": 1, "version": "v", "samples": 9, "scenes": ["a", "b"]}))
    (folder / "samples.parquet").write_bytes(b"rows")
    return folder


@pytest.fixture
def record(infos: Path) -> dict[str, Any]:
    run = run_settings(load_study("smoke"), "student", "full", 1)
    part = {"weights": SHA, "buffers": SHA}
    outcome = Outcome(
        status="diverged",
        reason="the loss is nan at step 3",
        steps_done=3,
        length=run_length(run.training, 40, 1),
        optimisation={
            "optimizer": "adamw",
            "groups": [{"lr": 1e-3, "weight_decay": 0.0, "parameters": 5}],
            "final_lr": [1e-4],
            "precision": "32-true",
            "ema": None,
        },
        losses={"first": {"total": 1.0}, "last": {"total": None}},
        usage={
            **{"sessions": 1, "wall_s": 1.0, "cpu_s": 1.0, "gpu_hours": 0.0, "peak_memory_bytes": 1},
            **{"peak_gpu_memory_bytes": None, "energy_j": None},
        },
        frozen={"centerpoint": {"before": part, "after": part, "unchanged": True}},
        weights={name: {"file": f"weights-{name}.safetensors", "sha256": SHA} for name in ("raw", "ema")},
        device={"type": "cpu", "name": "CPU", "processes": 1, "threads": 1, "hosts": ["here"]},
        warnings=[],
    )
    located = LocatedRun(run, "key", infos.parent, infos)
    return build_record(located, outcome, study="smoke", variant="full", parents={"teacher": "t"})


def test_the_schema_is_one_and_asks_for_every_field() -> None:
    for file in SCHEMAS:
        jsonschema.Draft202012Validator.check_schema(read_json(file))
    schema = validator().schema
    assert set(schema["required"]) == set(schema["properties"])
    assert schema["properties"]["schema_version"]["const"] == SCHEMA_VERSION


def test_each_part_of_the_schema_is_referred_to_once_from_the_whole() -> None:
    whole, *parts = (read_json(file) for file in SCHEMAS)
    defined = [f"{part['$id']}#/$defs/{name}" for part in parts for name in part["$defs"]]
    referred = [value["$ref"] for value in whole["properties"].values() if "$ref" in value]
    assert sorted(referred) == sorted(defined)
    assert {file.name for file in SCHEMAS} == {file.name for file in SCHEMAS[0].parent.glob("*.json")}


def test_a_record_comes_back_as_written_and_is_plain_json(record: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    write_record(file, record)
    assert read_record(file) == record
    assert json.loads(file.read_text(), parse_constant=lambda name: pytest.fail(name)) == record
    assert record["switches"]["partition_axis"] in ("released", "corrected")
    assert record["data"]["key_frame_offsets"] == [0, -1]
    assert (record["data"]["samples"], record["data"]["scenes"]) == (9, 2)
    assert record["environment"]["packages"]["torch"]
    assert len(record["environment"]["lock_hash"]) == 64


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("schema_version", 99, r"schema_version: was written under schema 99, this code reads 1"),
        ("seed", -1, r"\.json: seed: -1 is less than the minimum of 0"),
        ("status", "failed", r"status: 'failed' is not one of"),
        ("usage.wall_s", "long", r"usage\.wall_s: 'long' is not of type 'number'"),
        ("data.samples", "many", r"data\.samples: 'many' is not"),
        ("optimisation.steps", "many", r"optimisation\.steps: 'many' is not"),
        ("switches.nms_distance", "other", r"switches\.nms_distance"),
        ("surprise", 1, r"'surprise' was unexpected"),
    ],
)
def test_a_wrong_record_is_refused_with_file_and_key(
    record: dict[str, Any], tmp_path: Path, path: str, value: Any, message: str
) -> None:
    wrong = copy.deepcopy(record)
    node = wrong
    *parents, last = path.split(".")
    for parent in parents:
        node = node[parent]
    node[last] = value
    file = tmp_path / "record.json"
    file.write_text(json.dumps(wrong))
    with pytest.raises(InputError, match=message):
        read_record(file)
    with pytest.raises(InputError, match=message):
        write_record(tmp_path / "new.json", wrong)
    assert not (tmp_path / "new.json").exists()


def test_every_field_is_missed(record: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    for name in record:
        file.write_text(json.dumps({k: v for k, v in record.items() if k != name}))
        with pytest.raises(InputError, match=name):
            read_record(file)


def test_a_file_that_is_no_record(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_record(tmp_path / "record.json")
    (tmp_path / "record.json").write_text("[1]")
    with pytest.raises(InputError, match="is not a run record"):
        read_record(tmp_path / "record.json")


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
    done = subprocess.run(["git", *identity, "-C", str(folder), *arguments], capture_output=True, check=True, text=True)
    return done.stdout.strip()


def test_code_provenance_sees_changed_and_new_sources_and_no_results(tmp_path: Path) -> None:
    package = tmp_path / "labeldistill"
    package.mkdir()
    (package / "a.py").write_text("a = 1\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    commit = git(tmp_path, "rev-parse", "HEAD")
    clean = {"commit": commit, "dirty": False, "diff_hash": None}
    assert code_provenance(tmp_path) == clean
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "table.csv").write_text("x\n")
    assert code_provenance(tmp_path) == clean
    hashes = []
    for change in ("a = 2\n", "a = 3\n"):
        (package / "a.py").write_text(change)
        found = code_provenance(tmp_path)
        assert found["dirty"]
        hashes.append(found["diff_hash"])
    (package / "new.py").write_text("b = 1\n")
    hashes.append(code_provenance(tmp_path)["diff_hash"])
    assert len(set(hashes)) == 3


def test_outside_of_a_repository_nothing_is_claimed(tmp_path: Path) -> None:
    assert code_provenance(tmp_path) == {"commit": None, "dirty": None, "diff_hash": None}


def test_the_manifest_hash_follows_the_index(infos: Path) -> None:
    before = data_provenance(infos)
    assert data_provenance(infos) == before
    (infos / "samples.parquet").write_bytes(b"other rows")
    assert data_provenance(infos)["manifest_hash"] != before["manifest_hash"]
    assert "/" not in json.dumps(before)
    with pytest.raises(InputError, match="no such file"):
        data_provenance(infos.parent / "nowhere")
