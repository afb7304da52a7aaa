"""`teachers`: who learns from whom, what is said of it, and one study of several teachers through the command line."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from workplace import NANO, Workplace

from labeldistill.config.load import load_study, studies_folder
from labeldistill.errors import InputError
from labeldistill.planning.seed_planning import standings
from labeldistill.records.run_record import read_record
from labeldistill.reporting.pairs import pair_rows
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.study.plan import StudyPlan


@pytest.fixture
def plan_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    for file in studies_folder().resolve().glob("*.yaml"):
        (tmp_path / file.name).write_text(file.read_text())
    monkeypatch.setenv("LABELDISTILL_STUDIES", str(tmp_path))

    def plan(**changes: object) -> StudyPlan:
        (tmp_path / "changed.yaml").write_text(yaml.safe_dump({"extends": "smoke", **changes}))
        return StudyPlan.load("changed", tmp_path / "results")

    return plan


def test_each_seed_may_have_a_teacher_and_a_label_encoder_of_its_own(plan_of) -> None:  # type: ignore[no-untyped-def]
    plan = plan_of(teachers="per-seed", seeds=[3, 5])
    assert [(run.unit, run.seed) for run in plan.runs[:4]] == [
        *(("teacher", 3), ("teacher", 5)),
        *(("label-encoder", 3), ("label-encoder", 5)),
    ]
    full = [run for run in plan.students if run.unit == "full"]
    assert [[parent.seed for parent in run.parents] for run in full] == [[3, 3], [5, 5]]
    assert full[0].parents[1].parents[0].seed == 3
    shared = plan_of(seeds=[3, 5])
    assert {run.key for run in shared.runs if run.unit == "baseline"} == {
        run.key for run in plan.runs if run.unit == "baseline"
    }


def test_every_seed_may_be_trained_under_every_teacher(plan_of) -> None:  # type: ignore[no-untyped-def]
    plan = plan_of(teachers=3, teacher_seed=10, seeds=[0, 1])
    assert [run.seed for run in plan.runs if run.unit == "teacher"] == [10, 11, 12]
    found = [(run.unit, run.seed, run.teacher_seed) for run in plan.students if run.unit in ("baseline", "full")]
    crossed = [("full", seed, teacher) for seed in (0, 1) for teacher in (10, 11, 12)]
    assert found == [("baseline", 0, None), ("baseline", 1, None), *crossed]
    assert len({run.folder for run in plan.runs}) == len(plan.runs)
    assert [run.unit for run in plan.benchmarked] == ["teacher", "baseline", "lidar-only", "label-only", "full"]
    with pytest.raises(InputError, match="full seed 0 has 3 runs; choose one of"):
        plan.run("full", 0)
    with pytest.raises(InputError, match="looks are at seeds"):
        standings(plan, {}, {})


@pytest.mark.parametrize("teachers", [0, 2, -1, 1.5, "each"])
def test_a_number_of_teachers_that_says_nothing_is_refused(teachers: object, plan_of) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="teachers"):
        plan_of(teachers=teachers)


def _tables(generator: np.random.Generator, teachers: int) -> StudyTables:
    """No variant differs from the baseline, but each teacher moves all seeds of the full variant alike."""
    about = {"status": "finished", "reason": "", "weights": "ema", "class": "all", "slice": "all", "metric": "mAP"}
    rows = []
    moved = generator.normal(0, 0.02, teachers)
    for seed in range(6):
        rows.append({**about, "variant": "baseline", "seed": seed, "value": 0.4 + generator.normal(0, 0.01)})
        for teacher in range(teachers):
            value = 0.4 + moved[teacher] + generator.normal(0, 0.01)
            rows.append({**about, "variant": "full", "seed": seed, "teacher": teacher, "value": value})
    rows += [{**row, "metric": "NDS", "value": row["value"] + 0.1} for row in rows]
    table = pd.DataFrame(rows)
    return StudyTables(table.assign(teacher=table["teacher"].astype("Int64")), ("baseline", "full"), "baseline")


def test_findings_of_several_teachers_account_for_them() -> None:
    study = load_study("smoke").model_copy(update={"teachers": 3, "seeds": tuple(range(6))})
    generator = np.random.default_rng(0)
    found = [pair_rows(_tables(generator, 3), study)[0] for _ in range(60)]
    assert np.mean([row.p_holm <= 0.05 for row in found]) <= 0.1
    assert np.mean([row.pairs.p_t <= 0.05 for row in found]) > 0.2
    row = found[0]
    assert row.estimate.basis == "seeds and 3 teachers"
    assert row.reason.startswith("over 3 teachers: paired t over seeds and 3 teachers, 6 pairs")
    alone = pair_rows(_tables(generator, 1), study.model_copy(update={"teachers": 1}))[0]
    assert alone.reason.startswith("given this teacher: ")


@pytest.mark.slow
def test_a_student_is_trained_under_the_teacher_that_its_key_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Workplace(tmp_path / "place")
    place.write({**NANO, "teachers": 3})
    monkeypatch.setenv("LABELDISTILL_STUDIES", str(place.studies))
    monkeypatch.chdir(place.folder)
    for verb in ("synth", "check-data", "infos"):
        assert place.run("labeldistill", verb, "--study", "nano").returncode == 0
    student = [run for run in StudyPlan.load("nano").students if run.unit == "full"][-1]
    encoder = student.parents[1]
    for run in (*encoder.parents, encoder, student):
        named = (run.unit, "--study", "nano", "--seed", str(run.seed), "--key", run.key)
        done = place.run("labeldistill", "train", *named)
        assert done.returncode == 0, done.stderr
    assert set(read_record(student.record)["parents"].values()) == {run.key for run in student.parents}
    assert [run.seed for run in student.parents] == [2, 2]
