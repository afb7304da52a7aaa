"""Gathering a study into one tidy table of every metric of every run; artefacts of another run key are refused."""

from pathlib import Path
from typing import Any

import pandas as pd

from labeldistill.config.run_files import SCORES
from labeldistill.errors import InputError
from labeldistill.files import read_json, written_whole
from labeldistill.records.gather_rows import ALL, COLUMNS, FINISHED, outcome, rows_of_scores
from labeldistill.records.run_record import read_record
from labeldistill.study.apart import label
from labeldistill.study.confirmed import refuse_unconfirmed
from labeldistill.study.ingested import IngestedRun, refuse_repeated
from labeldistill.study.plan import PlannedRun, StudyPlan


def _refuse_other_key(found: object, run: PlannedRun, file: Path) -> None:
    if found != run.key:
        raise InputError(f"was made under run key {found}; {run.unit} seed {run.seed} asks for {run.key}", file=file)


def _about(plan: StudyPlan, unit: str, seed: int, key: str, ended: tuple[str, str] = (FINISHED, "")) -> dict[str, Any]:
    """Columns that all rows of a run share; `ended`: status and reason."""
    status, reason = ended
    return {"study": plan.study.name, "variant": unit, "seed": seed, "run_key": key, "status": status, "reason": reason}


def _rows_of(plan: StudyPlan, run: PlannedRun) -> list[dict[str, Any]]:
    record = read_record(run.record)
    _refuse_other_key(record["run_key"], run, run.record)
    file = plan.metrics(run) / SCORES
    scores = read_json(file)
    _refuse_other_key(scores["run_key"], run, file)
    about = _about(plan, run.unit, run.seed, run.key, outcome(record, scores))
    about |= {"origin": "own", "teacher": run.teacher_seed}
    # a failed run has no scores, but is kept in the table and counted
    return rows_of_scores(about, scores) or [
        {**about, "weights": "-", "split": "-", "slice": ALL, "metric": "none", "class": "all", "value": float("nan")}
    ]


def _ingested_rows(plan: StudyPlan, run: IngestedRun) -> list[dict[str, Any]]:
    file = plan.ingested_metrics(run) / SCORES
    if not file.is_file():
        raise InputError(
            f"{run.variant} seed {run.seed} was taken in, but not scored by this code and these slices; run "
            f"labeldistill score {run.variant} --seed {run.seed} --key {run.key} --study {plan.study.name}",
            file=file,
        )
    scores = read_json(file)
    if scores["run_key"] != run.key:
        raise InputError(f"was made of the file {scores['run_key']}, not of {run.key}", file=file, key="run_key")
    unit = label(run.variant, "ingested")
    about = _about(plan, unit, run.seed, run.key, outcome(None, scores)) | {"origin": "ingested"}
    return rows_of_scores(about, scores)


def _adopted_rows(plan: StudyPlan, run: PlannedRun) -> list[dict[str, Any]]:
    file = plan.metrics(run) / SCORES
    if not file.is_file():
        place = f"{run.unit} --seed {run.seed} --key {run.key} --study {plan.study.name}"
        raise InputError(
            f"{run.unit} seed {run.seed} was adopted, but not scored by this code under these settings; run "
            f"labeldistill predict {place} and labeldistill score {place}",
            file=file,
        )
    scores = read_json(file)
    _refuse_other_key(scores["run_key"], run, file)
    about = _about(plan, label(run.unit, "adopted"), run.seed, run.key, outcome(None, scores)) | {"origin": "adopted"}
    return rows_of_scores(about, scores)


def _throughput_rows(plan: StudyPlan) -> list[dict[str, Any]]:
    measured = read_json(plan.benchmark)
    rows: list[dict[str, Any]] = []
    for run in plan.benchmarked:
        entry = measured["units"].get(run.unit)
        if entry is None:
            continue
        _refuse_other_key(entry["run_key"], run, plan.benchmark)
        about = _about(plan, run.unit, run.seed, run.key) | {"origin": "own", "teacher": run.teacher_seed}
        about |= {"weights": "-", "split": "-"}
        about |= {"slice": ALL, "class": "all"}
        rows += [{**about, "metric": metric, "value": value} for metric, value in entry["metrics"].items()]
    return rows


def _own_rows(plan: StudyPlan) -> list[dict[str, Any]]:
    missing = [run for run in plan.runs if not (plan.metrics(run) / SCORES).is_file()]
    if not missing:
        return [row for run in plan.runs for row in _rows_of(plan, run)] + _throughput_rows(plan)
    if len(missing) == len(plan.runs) and (plan.ingested or plan.adopted):
        return []  # ingested and adopted runs only, as every row of the table says
    names = ", ".join(f"{run.unit} seed {run.seed}" for run in missing[:4])
    raise InputError(
        f"{len(missing)} of {len(plan.runs)} runs are not scored under this code and these settings "
        f"({names}{', ...' if len(missing) > 4 else ''}); run snakemake --config study={plan.study.name}",
        file=plan.metrics(missing[0]) / SCORES,
    )


def gather(plan: StudyPlan) -> pd.DataFrame:
    """The tidy table of a finished study (columns: COLUMNS), with its ingested and adopted runs.

    A study with ingested or adopted runs but no scored own run gives the table of the former.

    Raises:
        InputError: a run is missing, a seed of a variant has both an own and an ingested run, an artefact belongs to
            another run key, or scores that the devkit has not confirmed; the message names the file.
    """
    own = _own_rows(plan)
    refuse_repeated(plan.ingested, ((row["variant"], row["seed"]) for row in own))
    rows = own + [row for run in plan.ingested for row in _ingested_rows(plan, run)]
    rows += [row for run in plan.adopted for row in _adopted_rows(plan, run)]
    refuse_unconfirmed(plan)
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"teacher": "Int64"})
    repeated = table.duplicated(["variant", "seed", "run_key", "weights", "split", "metric", "class"])
    if repeated.any():
        first = table[repeated].iloc[0]
        raise InputError(f"{first['variant']} seed {first['seed']} has {first['metric']} twice", file=plan.folder)
    return table


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write the table as CSV and then as Parquet at `path`; the Parquet file means that both are complete."""
    with written_whole(path.with_suffix(".csv")) as temporary:
        table.to_csv(temporary, index=False, float_format="%.10g")
    with written_whole(path) as temporary:
        table.to_parquet(temporary, index=False)
