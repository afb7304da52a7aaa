"""What a report reads beside the tidy table: run records and loss curves."""

from typing import Any

import pandas as pd

from labeldistill.files import read_json
from labeldistill.records.run_record import read_record
from labeldistill.study.plan import StudyPlan


def records(plan: StudyPlan) -> list[dict[str, Any]]:
    """The record of every run of the study; none where all its runs come from elsewhere."""
    there = [run for run in plan.runs if run.record.is_file()]
    return [read_record(run.record) for run in (plan.runs if there else ())]


def looks(plan: StudyPlan) -> list[dict[str, Any]]:
    """The looks of a sequential study, first to last; none for any other study."""
    found: list[dict[str, Any]] = read_json(plan.looks)["looks"] if plan.looks.is_file() else []
    return found


def losses(plan: StudyPlan) -> pd.DataFrame:
    """Weighted loss terms of every student run: variant, seed, step, term, value."""
    parts: list[pd.DataFrame] = []
    for run in plan.students:
        file = run.folder / "losses.csv"
        if not file.is_file():
            continue
        wide = pd.read_csv(file)
        terms = [term for term in run.settings.terms if term in wide]
        long = wide.melt(id_vars="step", value_vars=terms, var_name="term", value_name="value")
        parts.append(long.assign(variant=run.unit, seed=run.seed))
    columns = ["variant", "seed", "step", "term", "value"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
