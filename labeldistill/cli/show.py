"""Verb `show`: a finished study's main table, verdicts and report, in the terminal."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from labeldistill.cli.options import ReportsOption, ResultsOption, TableOrJson, TableOrJsonOption


def show(
    study: Annotated[str, typer.Argument(help="Name of a study, or a YAML file.")],
    format: TableOrJsonOption = TableOrJson.table,
    results: ResultsOption = Path("results"),
    reports: ReportsOption = Path("reports"),
) -> None:
    """Print the result table of a finished study, the verdict on each claim and the path of the report.

    It ends with what was shown, what was not, and what to do next. As JSON: the answers that the report begins with,
    its path, and that end.

    Example: labeldistill show smoke
    """
    from labeldistill.errors import InputError
    from labeldistill.study.plan import StudyPlan

    plan = StudyPlan.of_results(study, results, reports)
    if not plan.report.is_file():
        raise InputError(
            f"does not exist yet; run snakemake --cores all --config study={plan.study.name}", file=plan.report
        )
    from labeldistill.claims.evidence import evidence_of
    from labeldistill.reporting.answers import study_answers
    from labeldistill.reporting.last_words import last_words
    from labeldistill.reporting.scored_runs import scored_runs
    from labeldistill.reporting.sources import tables_of

    tables, evidence = tables_of(plan), evidence_of(plan)
    found = study_answers(plan.study, tables, scored_runs(plan), evidence)
    words = last_words(plan.study, tables, found)
    if format is TableOrJson.json:
        typer.echo(json.dumps({"report": str(plan.report), **asdict(found), **asdict(words)}, indent=1))
        return
    from labeldistill.cli.show_text import show_last_words, show_study

    show_study(plan.study, tables, evidence, str(plan.report))
    show_last_words(words)
