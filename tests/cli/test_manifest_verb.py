"""The manifest of the data for DVC: the same for equal data in any folder, different after any change."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from test_main import labeldistill
from tiny_nuscenes import VERSION, TinyWorld

from labeldistill.config.load import studies_folder


@pytest.fixture
def studies(tmp_path: Path) -> Path:
    folder = tmp_path / "studies"
    shutil.copytree(studies_folder().resolve(), folder)
    return folder


def _manifest(studies: Path, study: str, **changes: object) -> str:
    (studies / "own.yaml").write_text(yaml.safe_dump({"extends": study, **changes}))
    out = studies.parent / "manifest.json"
    done = labeldistill("manifest", "own", "--out", str(out), cwd=studies.parent, LABELDISTILL_STUDIES=str(studies))
    assert done.returncode == 0, done.stderr
    return out.read_text()


def test_of_a_nuscenes_folder(studies: Path, tmp_path: Path) -> None:
    def of(root: Path) -> str:
        splits = {"train": ["scene-0001"], "val": ["scene-0003"], "tuning": ["scene-0003"]}
        return _manifest(studies, "real-frame", data={"dataroot": str(root), "version": VERSION, "splits": splits})

    first, copy = TinyWorld(tmp_path / "first").root, tmp_path / "copy"
    shutil.copytree(first, copy)
    before = of(first)
    assert of(copy) == before
    assert str(tmp_path) not in before
    table = copy / VERSION / "visibility.json"
    table.write_text(table.read_text().replace("v1", "v9"))
    assert of(copy) != before


def test_of_a_synthetic_world_that_was_not_written_yet(studies: Path) -> None:
    before = _manifest(studies, "smoke")
    assert json.loads(before)["synth"]["key_frames_per_scene"] == 4
    assert _manifest(studies, "smoke", student_training={"lr": 0.5}) == before
    assert _manifest(studies, "smoke", data={"synth": {"seed": 7}}) != before


def test_no_folder_is_one_line_and_exit_code_2(studies: Path, tmp_path: Path) -> None:
    done = labeldistill("manifest", "paper-r50-3f", cwd=tmp_path, LABELDISTILL_STUDIES=str(studies))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "data/nuscenes" in done.stderr
