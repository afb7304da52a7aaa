"""Driving a sequential study: run the seeds of the next look, look, stop when every question is settled.

Seeds are run by Snakemake in a child process, as a user would run them: its locks, profiles and clusters all hold.
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
"""A child's output goes there: stdout is for what the verb found."""

StandingsOf = Callable[[int], list[Standing]]
"""From a number of seeds to where every question stands with these."""


class Workflow:
    """Snakemake on one study.

    Args:
        study: name or file, as the user gave it. plan: of that study.
        options: of the command line, for example `["--cores", "4"]`.
    """

    def __init__(self, study: str, plan: StudyPlan, options: Sequence[str]) -> None:
        self.study, self.plan, self.options = study, plan, list(options)

    def make(self, targets: Sequence[Path], seeds: int | None = None) -> None:
        """Make these files; none: the report of the study with its first `seeds` seeds. Output goes to stderr.

        Raises:
            GateError: a job failed; everything that was done stays done.
        """
        where = [f"study={self._named(seeds)}", f"results={self.plan.results}", f"reports={self.plan.reports}"]
        command = [sys.executable, "-m", "snakemake", *map(str, targets), "--snakefile", str(SNAKEFILE)]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        env = {**os.environ, "PATH": path}
        done = subprocess.run([*command, *self.options, "--config", *where], stdout=STDERR, env=env, check=False)
        if done.returncode != 0:
            raise GateError(
                f"snakemake ended with {done.returncode} (its messages are above); what was done is kept, and the same "
                "command goes on from there"
            )

    def _named(self, seeds: int | None) -> str:
        whole = seeds is None or seeds == len(self.plan.study.seeds)
        return self.study if whole else f"{self.study}@{seeds}"

    def reported(self, seeds: int) -> StudyPlan:
        """The plan of the study with its first seeds: where their report lies."""
        return StudyPlan.load(self._named(seeds), self.plan.results, self.plan.reports)


def drive(
    plan: StudyPlan, workflow: Workflow, standings_of: StandingsOf, told: Callable[[dict[str, Any], bool], None]
) -> tuple[Looks, list[Standing], int]:
    """Run and look until every question is settled or out of looks.

    Args:
        plan: of the whole study.
        workflow: what runs seeds.
        standings_of: judges.
        told: called with each look's entry, and whether it was the last.

    Returns:
        The looks, where every question stands, and how many seeds were needed.

    Raises:
        InputError: earlier looks were of another design or at other runs.
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
    """Have the first `seeds` seeds of every variant scored."""
    chosen = plan.study.seeds[:seeds]
    wanted = [plan.metrics(run) / SCORES for run in plan.students if run.seed in chosen]
    if missing := [file for file in wanted if not file.is_file()]:
        workflow.make(missing)
    for file in wanted:
        if not file.is_file():
            raise GateError(f"{file}: is still missing after its batch")
