"""A study's numbers under fixed names, for DVC: copied from keyed paths each time, so never another run's."""

from pathlib import Path

import pandas as pd

from labeldistill.files import write_json, written_whole
from labeldistill.records.gather import gather
from labeldistill.records.plan import StudyPlan


def _summary(table: pd.DataFrame) -> dict[str, dict[str, float]]:
    overall = table[(table["class"] == "all") & (table["weights"] == "ema") & table["metric"].isin(["mAP", "NDS"])]
    means = overall.pivot_table(index="variant", columns="metric", values="value", aggfunc="mean", sort=False)
    return {str(unit): {str(m): round(float(v), 6) for m, v in row.items()} for unit, row in means.iterrows()}


def publish(plan: StudyPlan, out: Path) -> None:
    """Write metrics.json (mean mAP and NDS of each unit), runs.csv (a row a run) and keys.json into `out`.

    The keys say which artefacts the numbers came from: a copy whose keys are not the asked-for ones can be told.

    Raises:
        InputError: a run is missing or was made under another key.
    """
    table = gather(plan)
    table = table[table["status"] == "finished"]  # a diverged run's zeros are no score
    overall = table[(table["class"] == "all") & (table["weights"] == "ema")]
    runs = overall.pivot_table(index=["variant", "seed"], columns="metric", values="value", sort=False)
    write_json(out / "metrics.json", _summary(table))
    with written_whole(out / "runs.csv") as temporary:
        runs.reset_index().to_csv(temporary, index=False, float_format="%.6g")
    keys = {f"{run.unit}/seed-{run.seed}": run.key for run in plan.runs}
    write_json(out / "keys.json", {"report": plan.version, "table": plan.table_key, "runs": keys})
