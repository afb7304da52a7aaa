"""Verb `table`: a study's numbers as a table for a paper."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from labeldistill.cli.options import ResultsOption, StudyOption
from labeldistill.reporting.table_formats import TableFormat


class Which(StrEnum):
    """The tables there are."""

    main = "main"
    pairs = "pairs"


def table(
    which: Annotated[Which, typer.Argument(help="main: published beside reproduced. pairs: variants to baseline.")],
    study: StudyOption,
    format: Annotated[TableFormat, typer.Option("--format", "-f", help="How it is written.")] = TableFormat.markdown,
    weights: Annotated[str, typer.Option("--weights", help="ema or raw.")] = "ema",
    results: ResultsOption = Path("results"),
) -> None:
    """Print a table of a finished study with intervals, every single run and verdicts.

    Example: labeldistill table main --study smoke --format latex
    """
    from labeldistill.claims.claims import load_claims
    from labeldistill.errors import InputError
    from labeldistill.records.gather import gather
    from labeldistill.reporting.paper_table import main_table, pairs_table
    from labeldistill.reporting.study_tables import StudyTables
    from labeldistill.reporting.table_formats import formatted
    from labeldistill.study.plan import StudyPlan

    plan = StudyPlan.load(study, results)
    chosen = plan.study
    tables = StudyTables(gather(plan), tuple(chosen.variants), chosen.baseline, weights)
    if weights not in set(tables.table["weights"]):
        raise InputError(f"no scores of `{weights}` weights; there are raw and ema", key="--weights")
    rules = chosen.verdict
    about = f"study {chosen.name}, {weights} weights, split {chosen.evaluation_split}; mAP and NDS in points"
    interval = f"{rules.confidence * 100:g} % t intervals over seeds"
    if which is Which.main:
        margins = ", ".join(f"{metric} {margin:g}" for metric, margin in rules.margins.items())
        caption = f"Published and reproduced: {about}; {interval}; margins of equivalence: {margins}"
        found = main_table(chosen, tables, load_claims())
    else:
        caption = f"Differences to {chosen.baseline} on shared seeds: {about}; {interval}"
        found = pairs_table(chosen, tables)
    typer.echo(formatted(found, format, caption, rules.confidence), nl=False)
