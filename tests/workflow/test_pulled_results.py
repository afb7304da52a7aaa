"""Results without the data they were made from (a clone after `dvc pull`): what is finished is never run again."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from labeldistill.config.load import studies_folder
from labeldistill.config.run_files import predictions_path
from labeldistill.study.plan import StudyPlan
from labeldistill.study.workflow import inputs_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where study `own` looks finished: every file that stands for a result is there, and nothing else."""
    studies = tmp_path / "studies"
    studies.mkdir()
    for file in studies_folder().resolve().glob("*.yaml"):
        (studies / file.name).write_text(file.read_text())
    (studies / "own.yaml").write_text(yaml.safe_dump({"extends": "smoke"}))
    monkeypatch.setenv("LABELDISTILL_STUDIES", str(studies))
    plan = StudyPlan.load("own", tmp_path / "results", tmp_path / "reports")
    for run in plan.runs:
        plan.predictions(run).mkdir(parents=True)
        for weights in ("raw", "ema"):
            predictions_path(plan.predictions(run), weights).touch()
        plan.metrics(run).mkdir()
        run.record.touch()
        (plan.metrics(run) / "metrics.json").touch()
    (plan.report.parent / "figures").mkdir(parents=True)
    gates = [plan.preflight(step) for step in plan.preflight_steps]
    gates[0].parent.mkdir()
    table = plan.report.with_name("table.csv")
    for file in (plan.arbitration, plan.benchmark, plan.table, plan.report, table, *gates):
        file.touch()
    return tmp_path


def planned(place: Path) -> dict[str, int]:
    """Rule -> number of jobs that Snakemake would run."""
    command = [sys.executable, "-m", "snakemake", "-n", "--snakefile", str(ROOT / "workflow/Snakefile")]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, "--config", "study=own"], cwd=place, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if "Nothing to be done" in done.stdout + done.stderr:
        return {}
    table = done.stdout.split("Job stats:")[1].split("total")[0]
    return {name: int(count) for name, count in (line.split() for line in table.splitlines()[3:] if line.strip())}


def test_nothing_is_made_again(place: Path) -> None:
    assert planned(place) == {}


def test_a_changed_variant_needs_data_but_no_teacher(place: Path) -> None:
    terms = {"detection": 1.0, "depth": 3.0, "label_feature": 0.7}
    settings = {"extends": "smoke", "variants": {"label-only": {"terms": terms}}}
    (place / "studies/own.yaml").write_text(yaml.safe_dump(settings))
    gates = ("preflight", "preflight_teachers", "preflight_first_student")  # they look at a study as a whole
    once = ("synth", "check_data", "infos", *gates, "arbitrate", "benchmark", "gather", "report", "all")
    assert planned(place) == {"train_student": 2, "predict": 2, "score": 2, **dict.fromkeys(once, 1)}


def test_a_lost_report_needs_data_for_its_pictures_alone(place: Path) -> None:
    next(place.glob("reports/own/*/index.html")).unlink()
    assert planned(place) == dict.fromkeys(("synth", "check_data", "infos", "report", "all"), 1)


def test_inputs_that_are_there_stay_in_the_graph(tmp_path: Path) -> None:
    needs = inputs_of(
        tmp_path / "{unit}.out", tmp_path / "{unit}.in", tmp_path / "data", more=lambda w: [tmp_path / "p"]
    )
    everything = [str(tmp_path / name) for name in ("a.in", "data", "p")]
    assert needs({"unit": "a"}) == everything
    (tmp_path / "a.in").touch()
    assert needs({"unit": "a"}) == everything
    (tmp_path / "a.out").touch()
    assert needs({"unit": "a"}) == [str(tmp_path / "a.in")]
