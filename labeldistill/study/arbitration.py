"""The devkit as arbiter of a whole study: every scored run compared in one process that loads its tables once."""

from labeldistill.config.run_files import SCORES
from labeldistill.errors import GateError, InputError
from labeldistill.evaluation.result import StoredScores
from labeldistill.evaluation.stored_scores import Tables
from labeldistill.files import write_json
from labeldistill.study.confirmed import confirm, confirmation, scored
from labeldistill.study.plan import StudyPlan
from labeldistill.study.scoring import scoring_task


def arbitrate(plan: StudyPlan) -> int:
    """Have the devkit confirm the scores of every run, and write `plan.arbitration` once it confirmed all.

    Each confirmation is kept as soon as it is there: what was confirmed before, bit by bit, is not compared again.

    Returns:
        Number of runs that were compared now.

    Raises:
        GateError: differences above 1e-9; names every run and number. The other runs are confirmed.
        InputError: runs of the study are not scored yet (those that are have been confirmed), or files that can't be
            read.
    """
    runs = scored(plan)
    todo = [run for run in runs if confirmation(plan, run) is None]
    differ = confirm_runs(plan, todo)
    if differ:
        raise GateError("; ".join(differ))
    _refuse_missing(plan)
    found = [confirmation(plan, run) for run in runs]
    write_json(plan.arbitration, {"study": plan.study.name, "runs": found})
    return len(todo)


def confirm_runs(plan: StudyPlan, runs: list[StoredScores]) -> list[str]:
    """Compare runs with the devkit and keep each confirmation; returns what differs, in words."""
    tables, differ = Tables(scoring_task(plan)), []
    for run in runs:
        try:
            confirm(plan, run, tables.compare(run))
        except GateError as error:
            differ.append(str(error))
    return differ


def _refuse_missing(plan: StudyPlan) -> None:
    """Refuse a study of which only a part is scored; one without any own scores may consist of other runs."""
    missing = [run for run in plan.runs if not (plan.metrics(run) / SCORES).is_file()]
    if missing and not (len(missing) == len(plan.runs) and (plan.ingested or plan.adopted)):
        raise InputError(
            f"{len(missing)} of {len(plan.runs)} runs are not scored; run snakemake --config study={plan.study.name}",
            file=plan.metrics(missing[0]) / SCORES,
        )
