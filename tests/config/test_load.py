"""Study files: inheritance, one clear message for each mistake, every shipped study loads."""

from pathlib import Path

import pytest
import yaml

from labeldistill.config.load import load_study, studies_folder, study_names
from labeldistill.config.runs import run_settings
from labeldistill.errors import InputError


@pytest.fixture
def studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for file in studies_folder().resolve().glob("*.yaml"):
        (tmp_path / file.name).write_text(file.read_text())
    monkeypatch.setenv("LABELDISTILL_STUDIES", str(tmp_path))
    return tmp_path


def _write(studies: Path, name: str, **settings: object) -> None:
    (studies / f"{name}.yaml").write_text(yaml.safe_dump(settings))


@pytest.mark.parametrize("name", study_names())
def test_every_shipped_study_loads_and_resolves(name: str) -> None:
    study = load_study(name)
    assert study.name == name
    for variant in study.variants:
        run = run_settings(study, "student", variant, study.seeds[0])
        assert run.terms == study.variants[variant].terms


def test_a_child_says_only_what_differs(studies: Path) -> None:
    _write(studies, "child", extends="smoke", student_training={"lr": 0.5})
    child, parent = load_study("child"), load_study("smoke")
    assert child.student_training.lr == 0.5
    assert child.student_training.steps == parent.student_training.steps
    assert child.data == parent.data


def test_an_exclamation_mark_replaces_a_mapping(studies: Path) -> None:
    _write(studies, "child", **{"extends": "smoke", "variants!": {"baseline": {"terms": {"detection": 1.0}}}})
    assert list(load_study("child").variants) == ["baseline"]


@pytest.mark.parametrize(
    ("settings", "file", "key"),
    [
        ({"extends": "smoke", "seeds": [-1]}, "bad.yaml", "seeds"),
        ({"extends": "smoke", "seeds": [1, 1]}, "bad.yaml", "seeds"),
        ({"extends": "smoke", "colour": "red"}, "bad.yaml", "colour"),
        ({"extends": "smoke", "switches": {"teacher_mode": "sideways"}}, "bad.yaml", "switches.teacher_mode"),
        ({"extends": "smoke", "switches": {"no_such": "released"}}, "bad.yaml", "switches.no_such"),
        ({"extends": "smoke", "student": {"depth_m": "far"}}, "bad.yaml", "student.depth_m"),
        ({"extends": "smoke", "grid": {"x_m": [-19.2, 19.2, 0.7]}}, "bad.yaml", "grid"),
        ({"extends": "smoke", "variants": {"full": {"terms": {"magic": 1.0}}}}, "bad.yaml", "variants.full.terms"),
        ({"extends": "smoke", "baseline": "nobody"}, "bad.yaml", "baseline"),
        ({"extends": "nobody"}, "bad.yaml", "extends"),
        ({"extends": "bad"}, "bad.yaml", "extends"),
    ],
)
def test_a_mistake_names_file_and_key(studies: Path, settings: dict[str, object], file: str, key: str) -> None:
    _write(studies, "bad", **settings)
    with pytest.raises(InputError) as caught:
        load_study("bad")
    assert file in str(caught.value)
    assert key in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_mistake_in_a_parent_names_the_parent(studies: Path) -> None:
    _write(studies, "parent", extends="smoke", seeds=[-3])
    _write(studies, "child", extends="parent", description="fine")
    with pytest.raises(InputError, match=r"parent\.yaml: seeds"):
        load_study("child")


def test_a_circle_is_named(studies: Path) -> None:
    _write(studies, "one", extends="two")
    _write(studies, "two", extends="one")
    with pytest.raises(InputError, match="one -> two -> one"):
        load_study("one")


def test_an_unknown_study_lists_what_there_is() -> None:
    with pytest.raises(InputError, match="smoke"):
        load_study("nobody")


def test_an_override_reaches_its_run_alone(studies: Path) -> None:
    variants = {
        "full-corrected": {
            "terms": {"detection": 1.0, "lidar_feature": 0.3},
            "overrides": {"switches.partition_axis": "corrected"},
        }
    }
    _write(studies, "child", extends="smoke", variants=variants)
    study = load_study("child")
    assert run_settings(study, "student", "full-corrected", 0).switches["partition_axis"] == "corrected"
    assert run_settings(study, "student", "full", 0).switches["partition_axis"] == "released"


def test_an_override_of_nothing_is_refused(studies: Path) -> None:
    variants = {"odd": {"terms": {"detection": 1.0}, "overrides": {"student.no_such": 1}}}
    _write(studies, "child", extends="smoke", variants=variants)
    with pytest.raises(InputError, match=r"variants\.odd\.overrides\.student\.no_such"):
        run_settings(load_study("child"), "student", "odd", 0)
