"""Gathering a study: one tidy table of every metric of every run, refusing artefacts of another run key."""

from pathlib import Path
from typing import Any

import pandas as pd

from labeldistill.errors import InputError
from labeldistill.files import read_json, written_whole
from labeldistill.records.plan import PlannedRun, StudyPlan
from labeldistill.records.run_record import read_record

COLUMNS = ["study", "variant", "seed", "run_key", "status", "weights", "split", "metric", "class", "value"]
"""One row a number: `class` is a detection class or `all`; throughput rows have weights and split ``-``."""


def _refuse_other_key(found: object, run: PlannedRun, file: Path) -> None:
    if found != run.key:
        raise InputError(f"was made under run key {found}; {run.unit} seed {run.seed} asks for {run.key}", file=file)


def _rows_of(plan: StudyPlan, run: PlannedRun) -> list[dict[str, Any]]:
    record = read_record(run.record)
    _refuse_other_key(record["run_key"], run, run.record)
    about = {
        "study": plan.study.name,
        "variant": run.unit,
        "seed": run.seed,
        "run_key": run.key,
        "status": record["status"],
    }
    file = plan.metrics(run) / "metrics.json"
    scores = read_json(file)
    _refuse_other_key(scores["run_key"], run, file)
    rows = [{**about, **row} for row in scores["rows"]]
    # a run that failed has no scores; it stays in the table and in the count all the same
    return rows or [{**about, "weights": "-", "split": "-", "metric": "none", "class": "all", "value": float("nan")}]


def _throughput_rows(plan: StudyPlan) -> list[dict[str, Any]]:
    measured = read_json(plan.benchmark)
    rows: list[dict[str, Any]] = []
    for run in plan.benchmarked:
        entry = measured["units"].get(run.unit)
        if entry is None:
            continue
        _refuse_other_key(entry["run_key"], run, plan.benchmark)
        about = {"study": plan.study.name, "variant": run.unit, "seed": run.seed, "run_key": run.key}
        rows += [
            {**about, "status": "finished", "weights": "-", "split": "-", "metric": metric, "class": "all", "value": v}
            for metric, v in entry["metrics"].items()
        ]
    return rows


def gather(plan: StudyPlan) -> pd.DataFrame:
    """The tidy table of a finished study (columns: COLUMNS).

    Raises:
        InputError: a run is missing, or an artefact was made under another run key; the message names the file.
    """
    missing = [run for run in plan.runs if not (plan.metrics(run) / "metrics.json").is_file()]
    if missing:
        names = ", ".join(f"{run.unit} seed {run.seed}" for run in missing[:4])
        raise InputError(
            f"{len(missing)} of {len(plan.runs)} runs are not scored under this code and these settings "
            f"({names}{', ...' if len(missing) > 4 else ''}); run snakemake --config study={plan.study.name}",
            file=plan.metrics(missing[0]) / "metrics.json",
        )
    rows = [row for run in plan.runs for row in _rows_of(plan, run)]
    table = pd.DataFrame(rows + _throughput_rows(plan), columns=COLUMNS)
    repeated = table.duplicated(["variant", "seed", "run_key", "weights", "split", "metric", "class"])
    if repeated.any():
        first = table[repeated].iloc[0]
        raise InputError(f"{first['variant']} seed {first['seed']} has {first['metric']} twice", file=plan.folder)
    return table


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write the table as parquet at `path` and, before it, as CSV beside it: the parquet means that both are whole."""
    with written_whole(path.with_suffix(".csv")) as temporary:
        table.to_csv(temporary, index=False, float_format="%.10g")
    with written_whole(path) as temporary:
        table.to_parquet(temporary, index=False)
