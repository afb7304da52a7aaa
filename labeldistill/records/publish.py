"""A study's numbers and figures under fixed names, for DVC: copied from keyed paths each time, never another run's."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from labeldistill.errors import InputError
from labeldistill.files import write_json, written_whole
from labeldistill.records.gather import gather
from labeldistill.records.plan import PlannedRun, StudyPlan
from labeldistill.records.run_record import read_record

FIGURES = ("scores.png", "deltas.png", "losses.png")
"""Pictures of the report. DVC's pages show pictures without a network; curves of numbers load a script from a CDN."""


def runs_of(plan: StudyPlan) -> pd.DataFrame:
    """One row a finished run: variant, seed, EMA metrics over all classes, and `loss`, the mean of its last steps.

    Raises:
        InputError: a run is missing or was made under another key.
    """
    table = gather(plan)
    table = table[table["status"] == "finished"]  # a diverged run's zeros are no score
    overall = table[(table["class"] == "all") & (table["weights"] == "ema")]
    if "slice" in overall:
        overall = overall[overall["slice"] == "all"]
    runs = overall.pivot_table(index=["variant", "seed"], columns="metric", values="value", sort=False).reset_index()
    last = {(run.unit, run.seed): _last_loss(run) for run in plan.runs if run.record.is_file()}
    losses = [last.get(run) for run in zip(runs["variant"], runs["seed"], strict=True)]
    runs["loss"] = pd.Series(losses, dtype=float)
    return runs


def _last_loss(run: PlannedRun) -> float | None:
    loss: float | None = read_record(run.record)["losses"]["last"]["total"]
    return loss


def _summary(runs: pd.DataFrame) -> dict[str, Any]:
    """Means over seeds; a number that no run of a unit has is left out."""
    means = runs.groupby("variant", sort=False)[[name for name in ("mAP", "NDS", "loss") if name in runs]].mean()
    return {
        str(unit): {str(name): round(float(value), 6) for name, value in row.dropna().items()}
        for unit, row in means.iterrows()
    }


def publish(plan: StudyPlan, out: Path) -> None:
    """Write metrics.json (means of each unit), runs.csv (a row a run), figures and keys.json into `out`.

    The keys say which artefacts the rest came from; they are written last.

    Raises:
        InputError: a run is missing or was made under another key, the study has no report, `out` can't be written.
    """
    runs = runs_of(plan)
    if not plan.report.is_file():
        raise InputError(f"no such report; run snakemake --config study={plan.study.name}", file=plan.report)
    write_json(out / "metrics.json", _summary(runs))
    with written_whole(out / "runs.csv") as temporary:
        runs.to_csv(temporary, index=False, float_format="%.6g")
    for name in FIGURES:
        drawn, copy = plan.report.parent / "figures" / name, out / "figures" / name
        if drawn.is_file():
            with written_whole(copy) as temporary:
                shutil.copyfile(drawn, temporary)
        else:  # an older report's
            copy.unlink(missing_ok=True)
    keys = {f"{run.unit}/seed-{run.seed}": run.key for run in plan.runs}
    write_json(out / "keys.json", {"report": plan.version, "table": plan.table_key, "runs": keys})
