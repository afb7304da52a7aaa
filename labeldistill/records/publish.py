"""A study's numbers and figures under fixed names for DVC, copied from keyed paths each time."""

import json
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd

from labeldistill.errors import InputError
from labeldistill.files import written_whole
from labeldistill.records.gather import gather
from labeldistill.records.gather_rows import ALL
from labeldistill.records.run_record import read_record
from labeldistill.study.plan import PlannedRun, StudyPlan

FIGURES = ("scores.png", "deltas.png", "losses.png")
"""Figures of the report. DVC's pages show images offline, while plots of numbers load a script from a CDN."""


def runs_of(plan: StudyPlan) -> pd.DataFrame:
    """One row per finished run: variant, seed, EMA metrics over all classes, and `loss`, the mean of its last steps.

    Raises:
        InputError: a run is missing or was made under another key.
    """
    table = gather(plan)
    table = table[table["status"] == "finished"]  # a diverged run's zeros are not a score
    overall = table[(table["class"] == "all") & (table["slice"] == ALL) & (table["weights"] == "ema")]
    runs = overall.pivot_table(index=["variant", "seed"], columns="metric", values="value", sort=False).reset_index()
    last = {(run.unit, run.seed): _last_loss(run) for run in plan.runs if run.record.is_file()}
    losses = [last.get(run) for run in zip(runs["variant"], runs["seed"], strict=True)]
    runs["loss"] = pd.Series(losses, dtype=float)
    return runs


def _last_loss(run: PlannedRun) -> float | None:
    loss: float | None = read_record(run.record)["losses"]["last"]["total"]
    return loss


def _summary(runs: pd.DataFrame) -> dict[str, Any]:
    """Means over seeds, without numbers that no run of a unit has."""
    means = runs.groupby("variant", sort=False)[[name for name in ("mAP", "NDS", "loss") if name in runs]].mean()
    return {
        str(unit): {str(name): round(float(value), 6) for name, value in row.dropna().items()}
        for unit, row in means.iterrows()
    }


def publish(plan: StudyPlan, out: Path) -> None:
    """Write metrics.json (means per unit), runs.csv (one row per run), figures and keys.json into `out`, or nothing.

    The keys identify the artefacts behind the rest.

    Raises:
        InputError: a run is missing or was made under another key, the study has no report, `out` can't be written.
    """
    runs = runs_of(plan)
    if not plan.report.is_file():
        raise InputError(f"no such report; run snakemake --config study={plan.study.name}", file=plan.report)
    keys = {f"{run.unit}/seed-{run.seed}": run.key for run in plan.runs}
    drawn = [file for name in FIGURES if (file := plan.report.parent / "figures" / name).is_file()]
    with ExitStack() as stack:  # temporary names until everything is on the disk

        def new(name: str) -> Path:
            return stack.enter_context(written_whole(out / name))

        _write_json(new("keys.json"), {"report": plan.version, "table": plan.table_key, "runs": keys})
        _write_json(new("metrics.json"), _summary(runs))
        runs.to_csv(new("runs.csv"), index=False, float_format="%.6g")
        for file in drawn:
            shutil.copyfile(file, new(f"figures/{file.name}"))
    for name in {*FIGURES} - {file.name for file in drawn}:  # left by an older report
        (out / "figures" / name).unlink(missing_ok=True)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")
