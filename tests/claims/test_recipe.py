"""The recipe: every setting of a full-size study has a source or a reason, and every row is about a setting."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from labeldistill.claims.recipe import GAPS, Answer, load_recipe, recipe_of
from labeldistill.cli.main import build
from labeldistill.config.load import load_study, studies_folder, study_names
from labeldistill.config.methods import METHODS
from labeldistill.errors import InputError

RECIPE = load_recipe()
FULL_SIZE = [name for name in study_names() if name.startswith(("paper-", "ablation-", "bevdepth-"))]
LINES = re.compile(r"(\w+)(:\d+(-\d+)?(,\d+(-\d+)?)*)?")
LIBRARIES = ("mmdetection 2.26: ", "mmdetection3d v1.0.0rc4: ")


def _answers(name: str) -> list[Answer]:
    study = load_study(name)
    stages = [stage for stage in METHODS[study.method].stages if stage != "student"]
    units = [*stages, *study.variants]
    return [answer for unit in units for answer in recipe_of(study, unit, RECIPE)]


@pytest.mark.parametrize("name", FULL_SIZE)
def test_every_setting_has_a_source_or_a_reason(name: str) -> None:
    gaps = [(each.unit, each.stage, each.key, each.here, each.there) for each in _answers(name) if each.kind in GAPS]
    assert gaps == []


def test_no_row_is_about_nothing() -> None:
    used: set[tuple[int, str]] = set()
    seen: set[str] = set()
    for name in FULL_SIZE:
        for answer in _answers(name):
            row = RECIPE.row(name, answer.stage, answer.key)
            used.add((id(row), answer.key))
            seen.add(answer.key)
    rows = {(id(row), key) for row in RECIPE.settings for key in (*row.released, *row.keys)}
    assert rows - used == set()
    assert set(RECIPE.own) <= seen


def test_sources_are_files_and_lines_or_named_libraries() -> None:
    for source in [row.source for row in RECIPE.settings if row.source] + [each.source for each in RECIPE.implicit]:
        if source.startswith(LIBRARIES):
            continue
        for part in re.split(r"; ", source):
            found = LINES.fullmatch(part)
            assert found is not None, part
            assert found[1] in RECIPE.files, part
            assert found[2] or found[1] == "issue3", f"{part} names no line"
    cited = {name for row in RECIPE.settings for name in re.findall(r"(\w+):\d", row.source + row.assumed)}
    cited |= {name for each in RECIPE.implicit for name in re.findall(r"(\w+):\d", f"{each.source} {each.released}")}
    assert set(RECIPE.files) - cited <= {"issue3", "bd_2f_ema", "label_net"}


def test_what_is_not_known_is_said() -> None:
    five = {(each.stage, each.key): each for each in _answers("paper-r50-5f") if each.unit == "full"}
    assert "26/29" in five["student", "training.milestones_epochs"].words
    assert "train2" in five["teacher", "data.splits.train"].words
    large = {(each.stage, each.key): each.kind for each in _answers("paper-r101-3f") if each.unit == "full"}
    for key in ("epochs", "milestones_epochs", "batch", "lr", "weight_decay", "backbone_lr_multiplier", "ema_decay"):
        assert large["student", f"training.{key}"] == "assumed"
    assert large["student", "student.bev_channels"] == large["student", "student.trunk_base_channels"] == "assumed"
    assert large["student", "student.image.size_px"] == "released"
    assert large["teacher", "training.batch"] == "released"  # 4 x 4 for every experiment: README of the release


@pytest.mark.parametrize(
    ("change", "kind", "key"),
    [
        ({"student_training": {"lr": 1e-3}}, "DIFFERS UNEXPLAINED", "training.lr"),
        ({"student": {"head": {"max_objects": 400}}}, "DIFFERS UNEXPLAINED", "student.head.max_objects"),
        ({"student_training": {"lr": 1e-3}, "assumed": {"student_training.lr": "a guess"}}, "assumed", "training.lr"),
    ],
)
def test_a_changed_setting_is_found(tmp_path: Path, change: dict[str, Any], kind: str, key: str) -> None:
    for file in studies_folder().resolve().glob("*.yaml"):
        (tmp_path / file.name).write_text(file.read_text())
    (tmp_path / "paper-mine.yaml").write_text(yaml.safe_dump({"extends": "paper-r50-3f", **change}))
    study = load_study(str(tmp_path / "paper-mine.yaml"))
    found = {each.key: each.kind for each in recipe_of(study, "full", RECIPE) if each.stage == "student"}
    assert found[key] == kind
    assert [each for each, of in found.items() if of in GAPS] == ([key] if kind in GAPS else [])


def test_a_setting_without_a_row_is_found() -> None:
    few = RECIPE.model_copy(update={"settings": tuple(r for r in RECIPE.settings if "training.lr" not in r.released)})
    gaps = {each.key for each in recipe_of(load_study("paper-r50-3f"), "full", few) if each.kind == "NO SOURCE"}
    assert "training.lr" in gaps


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"source": "base_exp:1", "assumed": "x", "released": {"a": 1}}, "not both"),
        ({"source": "base_exp:1"}, "needs values"),
        ({"assumed": "x", "released": {"a": 1}}, "needs"),
        ({"source": "base_exp:1", "released": {"a": 1}, "differs": {"b": "x"}}, "does not hold"),
    ],
)
def test_a_wrong_row_names_file_and_key(tmp_path: Path, row: dict[str, Any], words: str) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump({"files": {}, "own": {}, "settings": [row], "implicit": []}))
    with pytest.raises(InputError, match=rf"all\.yaml: settings\.0: .*{words}"):
        load_recipe(tmp_path)


def _type(*words: str) -> Any:
    return CliRunner().invoke(build("recipe"), ["recipe", *words])


def test_the_verb() -> None:
    done = _type("paper-r50-3f")
    assert done.exit_code == 0, done.output
    for words in ("2key:60-67,324-334", "DIFFERS (", "ASSUMED (", "WITHOUT A SETTING", "class-balanced"):
        assert words in done.output
    assert "NO SOURCE" not in done.output
    tree = json.loads(_type("bevdepth-r50-2f", "--format", "json").stdout)
    assert {row["stage"] for row in tree["settings"]} == {"student"}
    small = _type("smoke")
    assert small.exit_code == 1
    assert "differ without a reason" in small.stderr
