"""The folder that a study names is the folder that is read, and its sensor files are part of every key."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import yaml
from tiny_nuscenes import VERSION, TinyWorld
from typer.testing import CliRunner

from labeldistill.cli.main import build
from labeldistill.config.load import studies_folder
from labeldistill.errors import InputError
from labeldistill.study.plan import StudyPlan
from labeldistill.training.recipe import training_items

SPLITS = {"train": ["scene-0001"], "val": ["scene-0003"]}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small nuScenes copy `first` and a study `tiny` on it."""
    TinyWorld(tmp_path / "first")
    for file in studies_folder().resolve().glob("*.yaml"):
        (tmp_path / "config" / file.name).parent.mkdir(exist_ok=True)
        (tmp_path / "config" / file.name).write_text(file.read_text())
    monkeypatch.setenv("LABELDISTILL_STUDIES", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    name_folder("first")
    return tmp_path


def name_folder(folder: str) -> None:
    data = {"dataroot": folder, "version": VERSION, "splits": SPLITS, "synth": None, "past_sweeps": 2}
    Path("config/tiny.yaml").write_text(yaml.safe_dump({"extends": "smoke", "data!": data}))


def keys() -> set[str]:
    return {run.key for run in StudyPlan.load("tiny").runs}


def cloud(folder: str) -> Path:
    return next(Path(folder).glob("samples/LIDAR_TOP/scene-0001_0.pcd.bin"))


def verb(*arguments: str) -> str:
    result = CliRunner().invoke(build(arguments[0]), list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.usefixtures("place")
def test_a_renamed_folder_keeps_its_keys_and_is_read_under_its_new_name() -> None:
    verb("check-data", "--study", "tiny")
    verb("infos", "--study", "tiny")
    before, index = keys(), StudyPlan.load("tiny").infos
    Path("first").rename("second")
    name_folder("second")
    plan = StudyPlan.load("tiny")
    assert keys() == before
    assert plan.infos == index
    items = training_items(plan.runs[0].settings, plan.infos)
    assert items.infos.dataroot == Path("second")
    assert len(items.item(0, 0).points)


@pytest.mark.usefixtures("place")
def test_another_copy_with_another_cloud_is_other_data() -> None:
    before = keys()
    TinyWorld(Path("second"))
    name_folder("second")
    assert keys() == before
    cloud("second").write_bytes(bytes(cloud("second").stat().st_size))
    assert not keys() & before


@pytest.mark.usefixtures("place")
def test_a_replaced_sensor_file_moves_every_key_and_back_again() -> None:
    before, file = keys(), cloud("first")
    content = file.read_bytes()
    (np.fromfile(file, np.float32) * 0).tofile(file)
    assert not keys() & before
    file.write_bytes(content)
    assert keys() == before


@pytest.mark.usefixtures("place")
def test_check_and_index_hold_the_fingerprint_and_no_path() -> None:
    verb("check-data", "--study", "tiny")
    verb("infos", "--study", "tiny")
    plan = StudyPlan.load("tiny")
    told = plan.sensor_files.fingerprint()
    check, index = plan.data_check.read_text(), plan.infos_index.read_text()
    assert json.loads(check)["sensor_files"]["sha256"] == json.loads(index)["sensor_files"] == told.sha256
    assert told.files == told.read == json.loads(check)["images"] + json.loads(check)["clouds"]
    assert "first" not in check + index


@pytest.mark.usefixtures("place")
def test_check_data_whole_says_which_file_is_another() -> None:
    assert "none has changed" in verb("check-data", "--study", "tiny", "--whole")
    before, file = keys(), cloud("first")
    changed = file.stat()
    values = np.fromfile(file, np.float32)
    values[0] += 1
    values.tofile(file)
    os.utime(file, ns=(changed.st_atime_ns, changed.st_mtime_ns))
    result = CliRunner().invoke(build("check-data"), ["check-data", "--study", "tiny", "--whole"])
    assert result.exit_code == 1
    assert "scene-0001_0.pcd.bin: its content has changed" in result.output
    assert not keys() & before


def test_a_synthetic_world_that_was_changed_is_refused(place: Path) -> None:
    verb("synth", "--study", "smoke")
    verb("check-data", "--study", "smoke")
    plan = StudyPlan.load("smoke")
    before = plan.infos_key
    file = next(plan.world.glob("samples/LIDAR_TOP/*.bin"))
    content = file.read_bytes()
    file.write_bytes(bytes(len(content)))
    with pytest.raises(InputError, match="synthetic world were changed"):
        assert StudyPlan.load("smoke").infos_key
    file.write_bytes(content)
    assert StudyPlan.load("smoke").infos_key == before
