"""What Snakemake takes to plan four variants x 20 seeds, or to find nothing left to do, beside its own start.

    pytest tests/benchmarks -k workflow --benchmark-only

Processor seconds of the processes started, so that a busy machine does not blur the ratios.
"""

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from labeldistill.config.load import studies_folder
from labeldistill.config.run_files import predictions_path
from labeldistill.study.plan import StudyPlan

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 3


def processor_seconds() -> float:
    """Of all ended child processes."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


pytestmark = pytest.mark.benchmark(timer=processor_seconds, group="workflow: 4 variants x 20 seeds")
Snakemake = Callable[..., str]


@pytest.fixture
def snakemake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Snakemake:
    """Calls Snakemake in a folder with the study `wide` (84 runs)."""
    studies = tmp_path / "studies"
    studies.mkdir()
    for file in studies_folder().resolve().glob("*.yaml"):
        (studies / file.name).write_text(file.read_text())
    (studies / "wide.yaml").write_text(yaml.safe_dump({"extends": "mini", "seeds": list(range(20))}))
    monkeypatch.setenv("LABELDISTILL_STUDIES", str(studies))
    (tmp_path / "Snakefile").write_text("rule all:\n    input: 'Snakefile'\n")

    def call(snakefile: Path, *options: str) -> str:
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--cores", "2", *options]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return call


WIDE = (ROOT / "workflow/Snakefile", "--config", "study=wide")


def test_its_own_start(snakemake: Snakemake, tmp_path: Path, benchmark) -> None:  # type: ignore[no-untyped-def]
    benchmark.pedantic(lambda: snakemake(tmp_path / "Snakefile"), rounds=ROUNDS)


def test_planning_80_students(snakemake: Snakemake, benchmark) -> None:  # type: ignore[no-untyped-def]
    out = benchmark.pedantic(lambda: snakemake(*WIDE, "--dry-run", "--quiet", "rules"), rounds=ROUNDS)
    assert "train_student             80" in out


def test_a_finished_study_of_80_students(snakemake: Snakemake, tmp_path: Path, benchmark) -> None:  # type: ignore[no-untyped-def]
    plan = StudyPlan.load("wide", tmp_path / "results", tmp_path / "reports")
    for run in plan.runs:
        plan.predictions(run).mkdir(parents=True)
        for weights in ("raw", "ema"):
            predictions_path(plan.predictions(run), weights).touch()
        plan.metrics(run).mkdir()
        for file in (run.record, plan.metrics(run) / "metrics.json"):
            file.touch()
    plan.infos.mkdir(parents=True)
    (plan.report.parent / "figures").mkdir(parents=True)
    reported = (plan.report, plan.report.with_name("table.csv"))
    for file in (plan.infos_index, plan.data_check, plan.arbitration, plan.benchmark, plan.table, *reported):
        file.touch()
    assert "Nothing to be done" in benchmark.pedantic(lambda: snakemake(*WIDE), rounds=ROUNDS)
