"""What a planned study still has to run, and what already exists under the planned keys."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import fsum, nan
from typing import Any

from labeldistill.config.methods import METHODS
from labeldistill.config.run_files import SCORES, predictions_path
from labeldistill.errors import InputError
from labeldistill.files import read_json
from labeldistill.records.gather_rows import FINISHED, outcome
from labeldistill.records.run_record import read_record
from labeldistill.study.plan import PlannedRun, StudyPlan
from labeldistill.study.start_weights import check_starts


@dataclass(frozen=True)
class Jobs:
    """One kind of job: total number, and number finished under the planned keys."""

    kind: str
    total: int
    there: int

    @property
    def to_run(self) -> int:
        """Number of remaining jobs."""
        return self.total - self.there


def keyed(plan: StudyPlan) -> str:
    """Make sure that the plan has keys; returns why reuse is unknown, or the empty string.

    A study can be planned without its data root or start weights: its keys are then unknown, and nothing is found
    under them.
    """
    unknown = []
    try:
        _ = plan.data_key
    except InputError as error:
        plan.data_key = "unknown"  # overrides the cached property
        unknown.append(str(error))
    try:
        check_starts(plan.study)
    except InputError as error:
        plan.started = False
        unknown.append(str(error))
    return "; ".join(unknown)


def jobs(plan: StudyPlan) -> list[Jobs]:
    """Every kind of job in the order of the workflow."""
    return [Jobs(kind, len(flags), sum(flags)) for kind, flags in _there(plan)]


def _there(plan: StudyPlan) -> Iterator[tuple[str, list[bool]]]:
    if plan.study.data.synth is not None:
        yield "write the synthetic world", [plan.world.is_dir()]
    yield "check the data", [plan.data_check.is_file()]
    yield "preflight", [plan.preflight(step).is_file() for step in plan.preflight_steps]
    yield "build the index", [plan.infos_index.is_file()]
    for stage in METHODS[plan.study.method].stages:
        yield f"train {stage.replace('-', ' ')}", [run.record.is_file() for run in plan.runs if run.stage == stage]
    found = [[predictions_path(plan.predictions(run), weights) for weights in ("raw", "ema")] for run in plan.runs]
    yield "predict", [all(file.is_file() for file in files) for files in found]
    yield "score", [(plan.metrics(run) / SCORES).is_file() for run in plan.runs]
    yield "have the devkit confirm the scores", [plan.arbitration.is_file()]
    yield "benchmark", [plan.benchmark.is_file()]
    yield "gather", [plan.table.is_file()]
    yield "report", [plan.report.is_file()]


def to_train(plan: StudyPlan) -> list[PlannedRun]:
    """Runs without a record under the planned key."""
    return [run for run in plan.runs if not run.record.is_file()]


def earlier_records(plan: StudyPlan) -> list[dict[str, Any]]:
    """Records of the study under any key, newest last, for the cost of its earlier runs.

    Raises:
        InputError: a record can't be read.
    """
    found = [read_record(file) for file in sorted(plan.folder.glob("*/seed-*/*/record.json"))]
    return sorted(found, key=lambda record: str(record["finished"]))


def scores_so_far(plan: StudyPlan, variant: str, metric: str, weights: str = "ema") -> dict[int, float]:
    """Scores of the planned runs of a variant that exist so far.

    Args:
        plan: plan of the study.
        variant: name of the variant.
        metric: name of an overall metric.
        weights: "raw" or "ema".

    Returns:
        Seed -> value in the study's order of seeds; mAP and NDS as fractions, NaN for a diverged run. With several
        teachers, the mean over those that are scored.
    """
    scores: dict[int, list[float]] = {}
    for run in plan.students:
        file = plan.metrics(run) / SCORES
        if run.unit != variant or not file.is_file():
            continue
        wanted, found = {"weights": weights, "metric": metric, "class": "all"}, read_json(file)
        values = [row["value"] for row in found["rows"] if wanted.items() <= row.items()]
        finished = outcome(read_record(run.record), found)[0] == FINISHED
        value = float(values[0]) if finished and values and values[0] is not None else nan
        scores.setdefault(run.seed, []).append(value)
    return {seed: fsum(values) / len(values) for seed, values in scores.items()}
