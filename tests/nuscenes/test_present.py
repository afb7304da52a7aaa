"""Studies of the scenes that are there, on a folder that was downloaded in part."""

from pathlib import Path

import pytest
from tiny_nuscenes import VERSION

from labeldistill.config.data import DataSettings
from labeldistill.config.load import load_study
from labeldistill.errors import InputError
from labeldistill.nuscenes.check import check_data
from labeldistill.nuscenes.present import present_scenes
from labeldistill.study.present_study import write_present_study

DATA = DataSettings(
    dataroot="world", version=VERSION, splits={"train": ("scene-0001",), "val": ("scene-0001", "scene-0003")}
)


def test_a_scene_that_lacks_a_sweep_is_left_out_whole(own: Path) -> None:
    whole = present_scenes(DATA, own)
    assert str(whole["val"]).startswith("2 of 2 scenes")
    next((own / "sweeps").rglob("scene-0003_*.pcd.bin")).unlink()
    found = present_scenes(DATA, own)
    assert found["train"] == whole["train"]
    assert found["val"].scenes == ("scene-0001",)
    assert found["val"].key_frames < found["val"].of_key_frames == whole["val"].of_key_frames
    splits = {split: present.scenes for split, present in found.items()}
    assert check_data(DATA.model_copy(update={"splits": splits}), own).whole


def test_a_split_without_a_complete_scene_names_a_file(own: Path) -> None:
    image = min((own / "samples" / "CAM_BACK").glob("scene-0001*.jpg"))
    image.unlink()
    with pytest.raises(InputError, match=r"none of its 1 scenes is complete, scene-0001 lacks this file") as caught:
        present_scenes(DATA, own)
    assert str(image) in str(caught.value)


def test_the_study_says_that_it_is_partial_and_is_never_comparable(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = present_scenes(DATA, own)
    for name in ("_defaults", "_paper", "paper-r50-3f"):
        source = Path("workflow/config") / f"{name}.yaml"
        (tmp_path / source.name).write_text(source.read_text())
    monkeypatch.setenv("LABELDISTILL_STUDIES", str(tmp_path))
    whole = load_study("paper-r50-3f")
    write_present_study("part", whole, found)
    part = load_study("part")
    assert part.data.splits == {"train": ("scene-0001",), "val": ("scene-0001", "scene-0003")}
    assert not part.comparable
    assert "PARTIAL" in part.not_comparable_because
    assert part.student_training == whole.student_training
    for name, words in (("part", "exists"), ("../part", "is no name")):
        with pytest.raises(InputError, match=words):
            write_present_study(name, whole, found)
