"""The state of every run of a study: its planned runs, and those still running under keys of another plan."""

import time
from dataclasses import dataclass, replace

from labeldistill.config.methods import stage_of
from labeldistill.config.metrics import HEADLINE
from labeldistill.config.run_files import LOCK, SCORES
from labeldistill.errors import InputError
from labeldistill.files import read_json
from labeldistill.monitor.run_status import RunStatus, State, checked_record, look_at
from labeldistill.planning.workload import keyed
from labeldistill.study.plan import PlannedRun, StudyPlan


@dataclass(frozen=True)
class StudyStatus:
    """All rows of a study: teachers, label encoders, students, then runs still running under keys of another plan.

    Attributes:
        study: name of the study.
        time: time of the look, seconds since 1970.
        unknown: why no run key could be computed (no data root); normally empty.
        runs: one row per run.
    """

    study: str
    time: float
    unknown: str
    runs: list[RunStatus]

    @property
    def over(self) -> bool:
        """Whether every run has ended for good."""
        return all(run.state in (State.finished, State.diverged) for run in self.runs)


def study_status(plan: StudyPlan) -> StudyStatus:
    """Inspect every run once.

    Raises:
        InputError: a file that a setting names is missing; a folder that may not be read. A record that can't be read
            is not an error, but reported in its row.
    """
    now = time.time()
    unknown = keyed(plan)
    try:
        rows = [_scored(_status(run, now), plan, run) for run in plan.runs]
        return StudyStatus(plan.study.name, now, unknown, rows + _of_other_keys(plan, now))
    except OSError as error:
        raise InputError(f"can't be read ({error.strerror})", file=error.filename or plan.folder) from error


def _status(run: PlannedRun, now: float) -> RunStatus:
    training = run.settings.training
    blank = RunStatus(run.unit, run.stage, run.seed, run.key, str(run.folder), State.waiting)
    blank = replace(blank, steps=training.steps, epochs=training.epochs)
    found = look_at(blank, run.folder, now)
    if found.state is State.waiting and not found.note:
        return replace(found, note="; ".join(_obstacle(parent) for parent in run.parents if _obstacle(parent)))
    return found


def _obstacle(parent: PlannedRun) -> str:
    """Why a run can't start because of one that it builds on; empty if it can."""
    if not parent.record.is_file():
        return f"needs {parent.unit}"
    try:
        return f"{parent.unit} diverged" if checked_record(parent.record)["status"] == "diverged" else ""
    except InputError:
        return f"the record of {parent.unit} is unreadable"


def _scored(row: RunStatus, plan: StudyPlan, run: PlannedRun) -> RunStatus:
    """The row with the headline metrics if the run is scored."""
    file = plan.metrics(run) / SCORES
    if row.state is not State.finished or not file.is_file():
        return row
    wanted = {"weights": "ema", "class": "all"}
    values = {r["metric"]: r["value"] for r in read_json(file)["rows"] if wanted.items() <= r.items()}
    return replace(row, scores={metric: values[metric] for metric in HEADLINE if metric in values})


def _of_other_keys(plan: StudyPlan, now: float) -> list[RunStatus]:
    """Runs that a process works on under keys other than the plan's."""
    planned = {run.folder for run in plan.runs}
    rows = []
    for lock in sorted(plan.folder.glob(f"*/seed-*/*/{LOCK}")):
        folder, (unit, seed, key) = lock.parent, lock.parent.parts[-3:]
        number = seed.removeprefix("seed-")
        if folder in planned or not number.isdigit():
            continue
        row = look_at(RunStatus(unit, stage_of(unit), int(number), key, str(folder), State.waiting), folder, now)
        if row.state in (State.running, State.silent):
            rows.append(replace(row, note="under another run key: settings, data or code changed since it began"))
    return rows
