"""Verb `gather`: one tidy table of every metric of every run."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from labeldistill.cli.options import Format, FormatOption, ResultsOption


def gather(
    study: Annotated[str, typer.Argument(help="Name of a study, or a YAML file.")],
    format: FormatOption = Format.table,
    write: Annotated[bool, typer.Option("--write", help="Write Parquet and CSV into the results folder.")] = False,
    results: ResultsOption = Path("results"),
) -> None:
    """Gather a finished study with its ingested and adopted runs: one row per run, metric, class and slice.

    Example: labeldistill gather smoke --format csv
    """
    from labeldistill.records.gather import gather as gather_runs
    from labeldistill.records.gather import write_table
    from labeldistill.records.gather_rows import ALL
    from labeldistill.study.plan import StudyPlan

    plan = StudyPlan.of_results(study, results)
    table = gather_runs(plan)
    if write:
        write_table(table, plan.table)
        return
    if format is Format.json:
        sys.stdout.write(table.to_json(orient="records", indent=1) + "\n")
    elif format is Format.csv:
        table.to_csv(sys.stdout, index=False)
    else:
        overall = table[(table["class"] == "all") & (table["metric"] != "none") & (table["slice"] == ALL)]
        wide = overall.pivot_table(index=["variant", "seed", "weights"], columns="metric", values="value", sort=False)
        sys.stdout.write(wide.round(4).to_string() + "\n")
