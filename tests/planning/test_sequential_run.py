"""A sequential study: batches run by the real Snakemake, stored looks, and a design that can't change midway."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from planted_results import finish
from typer.testing import CliRunner

from labeldistill.claims.claims import load_claims
from labeldistill.cli.main import build
from labeldistill.config.load import studies_folder
from labeldistill.errors import GateError, InputError
from labeldistill.planning import workload
from labeldistill.planning.seed_planning import Standing, standings
from labeldistill.planning.sequential_run import Workflow, drive
from labeldistill.study.plan import StudyPlan


def _clear(unit: str, metric: str, seed: int) -> float:
    """Every variant far above the baseline: settled at the first look."""
    return 0.3 if unit == "baseline" else 0.4 + 0.0001 * (seed % 2)


def _unclear(unit: str, metric: str, seed: int) -> float:
    """Not settled at the first look, and not hopeless: the full method is a little better."""
    return 0.3 + 0.05 * (unit == "full") + 0.004 * ((seed * 7 + len(unit)) % 5)


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StudyPlan:
    monkeypatch.setattr(workload, "read_record", lambda file: json.loads(file.read_text()))  # toy records, no schema
    for room in ("config", "claims"):
        shutil.copytree(studies_folder().resolve().parent / room, tmp_path / room)
    monkeypatch.setenv("LABELDISTILL_STUDIES", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return _six_seeds()


def _six_seeds(**rules: Any) -> StudyPlan:
    """Study `toy` as its file says it, which Snakemake reads too."""
    tree = {"extends": "smoke", "seeds": list(range(6)), "verdict": {"seeds_per_look": 3, **rules}}
    (studies_folder() / "toy.yaml").write_text(yaml.safe_dump(tree))
    return StudyPlan.load("toy")


def _leave(plan: StudyPlan, seeds: range, score: Any) -> None:
    for run in plan.students:
        if run.seed in seeds:
            finish(plan, run, score)


def _drive(plan: StudyPlan, study: str = "toy", **more: Any) -> tuple[Any, list[Standing], int]:
    told: list[tuple[int, bool]] = []
    claims = load_claims()
    workflow = Workflow(study, plan, ["--cores", "1", "--dry-run"])
    found = drive(
        plan,
        workflow,
        lambda seeds: standings(plan, claims, {"full": False}, seeds=seeds),
        lambda look, last: told.append((look["look"], last)),
    )
    assert told
    assert [last for _, last in told] == [False] * (len(told) - 1) + [True]
    return found


def test_it_stops_when_every_question_is_settled(plan: StudyPlan) -> None:
    _leave(plan, range(3), _clear)
    _, found, seeds = _drive(plan)
    assert seeds == 3
    assert all(entry.decision.stop and entry.decision.judgement.verdict == "BETTER" for entry in found)
    tree = json.loads((plan.folder / "sequential.json").read_text())
    assert [look["seeds"] for look in tree["looks"]] == [[0, 1, 2]]
    assert all(question["settled"] for question in tree["looks"][0]["questions"])
    assert set(tree["runs"]) == {f"{v}/seed-{s}" for v in plan.study.variants for s in range(3)}
    assert not list(plan.folder.glob("*/seed-3"))


def test_seeds_beyond_the_settling_look_change_nothing(plan: StudyPlan) -> None:
    _leave(plan, range(3), _clear)
    _leave(plan, range(3, 6), _unclear)
    _, found, seeds = _drive(plan)
    assert seeds == 3
    assert all(entry.decision.seeds == 3 for entry in found)


def test_what_is_open_goes_on_to_the_last_look(plan: StudyPlan) -> None:
    _leave(plan, range(6), _unclear)
    looks, _, seeds = _drive(plan)
    assert seeds == 6
    first, last = looks.made
    assert not all(question["settled"] for question in first["questions"])
    assert (first["seeds"], last["seeds"]) == ([0, 1, 2], [0, 1, 2, 3, 4, 5])
    assert {question["seeds"] for question in last["questions"] if not question["settled"]} == {6}


def test_a_restart_goes_on_with_the_looks_it_remembers(plan: StudyPlan) -> None:
    _leave(plan, range(3), _unclear)
    with pytest.raises(GateError, match=r"seed-3.*still missing after its batch"):
        _drive(plan)  # a dry run of the second batch leaves nothing behind
    remembered = json.loads((plan.folder / "sequential.json").read_text())["looks"]
    assert [look["look"] for look in remembered] == [1]
    _leave(plan, range(3, 6), _unclear)
    looks, _, seeds = _drive(_six_seeds())
    assert seeds == 6
    assert looks.made[0] == remembered[0]
    assert [look["look"] for look in looks.made] == [1, 2]


@pytest.mark.parametrize("change", [{"seeds_per_look": 2}, {"confidence": 0.99}, {"margins": {"mAP": 9.0}}])
def test_the_rule_can_not_be_changed_after_a_look(plan: StudyPlan, change: dict[str, Any]) -> None:
    _leave(plan, range(6), _clear)
    _drive(plan)
    with pytest.raises(InputError, match=r"sequential\.json: design\..*start over knowingly"):
        _drive(_six_seeds(**change))


def test_other_runs_than_those_looked_at_are_refused(plan: StudyPlan) -> None:
    _leave(plan, range(3), _clear)
    _drive(plan)
    file = plan.folder / "sequential.json"
    file.write_text(file.read_text().replace(plan.run("full", 1).key, "0123456789ab"))
    with pytest.raises(InputError, match=r"runs\.full/seed-1: was looked at as run 0123456789ab"):
        _drive(plan)


@pytest.mark.slow
def test_a_batch_that_fails_ends_with_1_and_keeps_what_there_is(plan: StudyPlan) -> None:
    _leave(plan, range(3), _unclear)
    with pytest.raises(GateError, match="snakemake ended with 1"):
        _drive(plan, study="nowhere")
    assert len(json.loads((plan.folder / "sequential.json").read_text())["looks"]) == 1


def test_the_first_seeds_of_a_study_have_the_same_keys(tmp_path: Path) -> None:
    whole, first = StudyPlan.load("mini", tmp_path), StudyPlan.load("mini@2", tmp_path)
    assert first.study.seeds == whole.study.seeds[:2]
    assert {run.key for run in first.students} < {run.key for run in whole.students}
    assert first.folder == whole.folder
    assert first.report != whole.report
    for wrong in ("mini@0", "mini@7"):
        with pytest.raises(InputError, match="the study has 6 seeds"):
            StudyPlan.load(wrong, tmp_path)


def test_run_asks_for_sequential() -> None:
    done = CliRunner().invoke(build("plan"), ["plan", "smoke", "--run"])
    assert done.exit_code == 2
