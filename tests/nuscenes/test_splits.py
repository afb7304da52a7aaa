import json
from pathlib import Path

import pytest
from tiny_nuscenes import VERSION

from labeldistill.errors import InputError
from labeldistill.nuscenes.splits import resolve_splits, scenes_of
from labeldistill.nuscenes.tables import Tables


def test_a_list_of_scenes_comes_in_the_tables_order(own: Path):
    tables = Tables(own, VERSION)
    assert scenes_of(("scene-0003", "scene-0001", "scene-0003"), tables) == ["scene-0001", "scene-0003"]


def test_a_folder_names_splits_of_its_own(own: Path):
    (own / VERSION / "splits.json").write_text(json.dumps({"mine": ["scene-0003"], "yours": ["scene-0001"]}))
    asked = {"train": "mine", "val": "yours", "tuning": ("scene-0001",)}
    assert resolve_splits(asked, Tables(own, VERSION)) == {
        "train": ["scene-0003"],
        "val": ["scene-0001"],
        "tuning": ["scene-0001"],
    }


def test_a_folder_may_not_give_an_official_name_to_other_scenes(own: Path):
    (own / VERSION / "splits.json").write_text(json.dumps({"val": ["scene-0001"]}))
    with pytest.raises(InputError, match=r"splits.json: val: `val` is an official split of 150 scenes"):
        scenes_of("val", Tables(own, VERSION))


def test_a_devkit_split_gives_the_devkits_scenes(real_nuscenes: Path):
    from nuscenes.utils.splits import mini_val

    tables = Tables(real_nuscenes / "nuscenes", "v1.0-mini")
    assert sorted(scenes_of("mini_val", tables)) == sorted(mini_val)


def test_an_unknown_split_lists_those_that_are_there(own: Path):
    (own / VERSION / "splits.json").write_text(json.dumps({"mine": ["scene-0003"]}))
    with pytest.raises(InputError, match=r"data.splits.val: no split `vall`; splits there: mine, .*mini_val.*val"):
        resolve_splits({"val": "vall"}, Tables(own, VERSION))


def test_unknown_scenes_list_those_that_are_there(own: Path):
    with pytest.raises(InputError, match=r"1 of 2 scenes are not there \(scene-9\); scenes there: scene-0001"):
        scenes_of(("scene-0001", "scene-9"), Tables(own, VERSION))
    with pytest.raises(InputError, match=r"scene.json: .*699 of 700 scenes are not there"):
        scenes_of("train", Tables(own, VERSION))


def test_an_empty_split_is_an_error(own: Path):
    with pytest.raises(InputError, match="no scene"):
        scenes_of((), Tables(own, VERSION))


@pytest.mark.parametrize("text", ["[]", '{"a": "scene-0001"}', '{"a": [1]}', "{"])
def test_a_broken_splits_file_is_an_error(own: Path, text):
    (own / VERSION / "splits.json").write_text(text)
    with pytest.raises(InputError, match=r"splits.json"):
        scenes_of("train", Tables(own, VERSION))
