"""Run keys: what a result depends on changes its path, and nothing else does."""

import shutil
from pathlib import Path

import pytest
import yaml

from labeldistill.config.load import studies_folder
from labeldistill.errors import InputError
from labeldistill.study.plan import StudyPlan
from labeldistill.study.workflow import tell


@pytest.fixture
def studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for file in studies_folder().resolve().glob("*.yaml"):
        (tmp_path / file.name).write_text(file.read_text())
    monkeypatch.setenv("LABELDISTILL_STUDIES", str(tmp_path))
    return tmp_path


def _keys(studies: Path, **changes: object) -> dict[tuple[str, int], str]:
    (studies / "changed.yaml").write_text(yaml.safe_dump({"extends": "smoke", **changes}))
    return {(run.unit, run.seed): run.key for run in StudyPlan.load("changed", studies / "results").runs}


def _changed(studies: Path, **changes: object) -> set[str]:
    before, after = _keys(studies), _keys(studies, **changes)
    assert before.keys() == after.keys()
    return {unit for (unit, seed), key in after.items() if key != before[unit, seed]}


def test_a_loss_weight_changes_its_variant_alone(studies: Path) -> None:
    terms = {"detection": 1.0, "depth": 3.0, "lidar_feature": 0.1, "label_feature": 0.3, "response": 1.0}
    assert _changed(studies, variants={"full": {"terms": terms}}) == {"full"}


def test_the_teacher_changes_what_learns_from_it(studies: Path) -> None:
    assert _changed(studies, teacher_training={"lr": 1e-3}) == {
        "teacher",
        "label-encoder",
        "lidar-only",
        "label-only",
        "full",
    }


def test_the_label_encoder_changes_what_learns_from_it(studies: Path) -> None:
    assert _changed(studies, label_encoder_training={"lr": 1e-3}) == {"label-encoder", "label-only", "full"}


def test_a_switch_changes_the_stages_it_acts_on(studies: Path) -> None:
    assert _changed(studies, switches={"voxel_truncation": "corrected"}) == {
        "baseline",
        "lidar-only",
        "label-only",
        "full",
    }


def test_the_world_changes_everything(studies: Path) -> None:
    assert len(_changed(studies, data={"synth": {"seed": 1}})) == 6


@pytest.mark.parametrize(
    "changes",
    [
        {"description": "other words"},
        {"claims": {"full": "r50"}},
        {"student_training": {"loader_workers": 2, "checkpoint_every_steps": 7}},
        {"evaluation_slices": ["distance"], "evaluation_replicates": 50},
    ],
)
def test_words_and_ways_of_running_change_no_key(studies: Path, changes: dict[str, object]) -> None:
    assert _changed(studies, **changes) == set()


def test_every_run_has_its_own_key(studies: Path) -> None:
    keys = list(_keys(studies).values())
    assert len(set(keys)) == len(keys)


def test_another_key_is_refused(studies: Path) -> None:
    plan = StudyPlan.load("smoke", studies / "results")
    with pytest.raises(InputError, match="not 000000000000"):
        plan.run("full", 0, "000000000000")


def test_an_unknown_unit_or_seed_is_refused(studies: Path) -> None:
    plan = StudyPlan.load("smoke", studies / "results")
    with pytest.raises(InputError, match="no run `nobody`"):
        plan.run("nobody", 0)
    with pytest.raises(InputError, match="seeds: 0, 1"):
        plan.run("full", 99)


TERMS = {"terms": {"detection": 1.0, "depth": 3.0}}


def test_variants_that_are_one_run_under_two_names_are_told(studies: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def told(**variant: object) -> str:
        _keys(studies, variants={"again": {**TERMS, **variant}})
        tell(StudyPlan.load("changed", studies / "results"))
        return capsys.readouterr().err

    assert "`again` is `baseline` under another name: seed 0 has" in told()
    assert "draws of its seed 1" in told(seed_shift=1)
    assert not told(seed_shift=1000)
    assert not told(terms={"detection": 2.0})


def test_an_a_a_control_has_equal_settings_and_seeds_of_its_own(studies: Path) -> None:
    _keys(studies, variants={"again": {**TERMS, "seed_shift": 1000}})
    plan = StudyPlan.load("changed", studies / "results")
    control, baseline = plan.run("again", 1), plan.run("baseline", 1)
    assert control.settings.seed == 1001
    assert control.settings.model_copy(update={"seed": 1}) == baseline.settings
    assert control.folder.parent.name == "seed-1"


def test_the_teacher_is_not_shifted(studies: Path) -> None:
    full = yaml.safe_load((studies / "smoke.yaml").read_text())
    assert "seed_shift" not in str(full)
    before = _keys(studies)
    after = _keys(studies, variants={"full": {"seed_shift": 1000}})
    assert {unit for (unit, seed) in before if before[unit, seed] != after[unit, seed]} == {"full"}


def test_another_claim_makes_another_report_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(studies_folder().resolve(), tmp_path / "config")
    shutil.copytree(studies_folder().resolve().parent / "claims", tmp_path / "claims")
    monkeypatch.setenv("LABELDISTILL_STUDIES", str(tmp_path / "config"))
    before = StudyPlan.load("smoke", tmp_path / "results")
    version = before.version
    claims = tmp_path / "claims" / "labeldistill.yaml"
    claims.write_text(claims.read_text() + "\n# another value\n")
    after = StudyPlan.load("smoke", tmp_path / "results")
    assert after.version != version
    assert after.table_key == before.table_key
