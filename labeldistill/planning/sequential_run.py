"""Running a sequential study: run the seeds of the next look, look, stop once every question is settled.

Seeds are run by Snakemake in a child process, as a user would, so its locks, profiles and clusters all apply.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from labeldistill.config.run_files import SCORES
from labeldistill.errors import GateError
from labeldistill.planning.seed_planning import Standing
from labeldistill.planning.sequential_looks import Looks
from labeldistill.records.provenance import REPOSITORY
from labeldistill.statistics.sequential import looks_at
from labeldistill.study.plan import StudyPlan

SNAKEFILE = REPOSITORY / "workflow" / "Snakefile"
STDERR = 2
"""Output of child processes goes here, because stdout is for the verb's result."""

StandingsOf = Callable[[int], list[Standing]]
"""From a number of seeds to the state of every question."""


class Workflow:
    """Runs Snakemake on one study.

    Args:
        study: name or file, as given by the user. plan: plan of that study.
        options: options of the command line, for example `["--cores", "4"]`.
    """

    def __init__(self, study: str, plan: StudyPlan, options: Sequence[str]) -> None:
        self.study, self.plan, self.options = study, plan, list(options)

    def make(self, targets: Sequence[Path], seeds: int | None = None) -> None:
        """Make these files, or without any the report of the study's first `seeds` seeds. Output goes to stderr.

        Raises:
            GateError: a job failed; finished work is kept.
        """
        where = [f"study={self._named(seeds)}", f"results={self.plan.results}", f"reports={self.plan.reports}"]
        command = [sys.executable, "-m", "snakemake", *map(str, targets), "--snakefile", str(SNAKEFILE)]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        env = {**os.environ, "PATH": path}
        done = subprocess.run([*command, *self.options, "--config", *where], stdout=STDERR, env=env, check=False)
        if done.returncode != 0:
            raise GateError(
                f"snakemake ended with {done.returncode} (its messages are above); what was done is kept, and the same "
                "command resumes it"
            )

    def _named(self, seeds: int | None) -> str:
        whole = seeds is None or seeds == len(self.plan.study.seeds)
        return self.study if whole else f"{self.study}@{seeds}"

    def reported(self, seeds: int) -> StudyPlan:
        """The plan of the study with only its first seeds, which has its own report."""
        return StudyPlan.load(self._named(seeds), self.plan.results, self.plan.reports)


def drive(
    plan: StudyPlan, workflow: Workflow, standings_of: StandingsOf, told: Callable[[dict[str, Any], bool], None]
) -> tuple[Looks, list[Standing], int]:
    """Run and look until every question is settled or has no looks left.

    Args:
        plan: plan of the whole study.
        workflow: runs the seeds.
        standings_of: judges the questions with a number of seeds.
        told: called with the entry of each look, and whether it was the last.

    Returns:
        The looks, the state of every question, and the number of seeds needed.

    Raises:
        InputError: earlier looks had another design or other runs.
        GateError: a batch failed, or ended without scores.
    """
    seeds = 0
    looks = Looks.open(plan, standings_of(0))
    found: list[Standing] = []
    for number, seeds in enumerate(looks_at(len(plan.study.seeds), plan.study.verdict.seeds_per_look), start=1):
        _have_scored(plan, workflow, seeds)
        found = standings_of(seeds)
        entry = looks.add(plan, number, found)
        stop = all(entry.decision.stop for entry in found)
        told(entry, stop)
        if stop:
            break
    return looks, found, seeds


def _have_scored(plan: StudyPlan, workflow: Workflow, seeds: int) -> None:
    """Make sure that the first `seeds` seeds of every variant are scored."""
    chosen = plan.study.seeds[:seeds]
    wanted = [plan.metrics(run) / SCORES for run in plan.students if run.seed in chosen]
    if missing := [file for file in wanted if not file.is_file()]:
        workflow.make(missing)
    for file in wanted:
        if not file.is_file():
            raise GateError(f"{file}: is still missing after its batch")
