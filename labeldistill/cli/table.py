"""Verb `table`: a study's numbers as a table for a paper."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from labeldistill.cli.options import ResultsOption, StudyOption
from labeldistill.reporting.table_formats import TableFormat


class Which(StrEnum):
    """Kinds of tables."""

    main = "main"
    pairs = "pairs"
    hypotheses = "hypotheses"


def table(
    which: Annotated[
        Which,
        typer.Argument(
            help="main: published and reproduced. pairs: variants vs. baseline. hypotheses: the paper's conclusions."
        ),
    ],
    study: StudyOption,
    format: Annotated[TableFormat, typer.Option("--format", "-f", help="Format of the table.")] = TableFormat.markdown,
    weights: Annotated[str, typer.Option("--weights", help="ema or raw.")] = "ema",
    results: ResultsOption = Path("results"),
) -> None:
    """Print a table of a finished study with intervals, every single run and verdicts.

    Example: labeldistill table main --study smoke --format latex
    """
    from labeldistill.claims.claims import load_claims
    from labeldistill.claims.evidence import evidence_of
    from labeldistill.claims.hypotheses import load_hypotheses
    from labeldistill.errors import InputError
    from labeldistill.records.gather import gather
    from labeldistill.reporting.claim_lines import claim_lines
    from labeldistill.reporting.hypothesis_table import hypothesis_rows, hypothesis_table
    from labeldistill.reporting.paper_table import main_table, pairs_table
    from labeldistill.reporting.scope import data_scope
    from labeldistill.reporting.scored_runs import scored_runs
    from labeldistill.reporting.study_tables import StudyTables
    from labeldistill.reporting.table_formats import formatted
    from labeldistill.reporting.verdicts import claim_rows
    from labeldistill.study.plan import StudyPlan

    plan = StudyPlan.load(study, results)
    chosen = plan.study
    tables = StudyTables(gather(plan), tuple(chosen.variants), chosen.baseline, weights)
    if weights not in set(tables.table["weights"]):
        raise InputError(f"no scores of `{weights}` weights; there are raw and ema", key="--weights")
    verdict = chosen.verdict
    about = f"study {chosen.name}, {weights} weights, split {chosen.evaluation_split}; mAP and NDS in points"
    if held := evidence_of(plan).reservations(chosen.variants, chosen.seeds):
        about = f"{'; '.join(held)}; {about}"
    interval = f"{verdict.confidence * 100:g} % t intervals over seeds"
    lines: list[str] = []
    if which is Which.main:
        margins = ", ".join(f"{metric} {margin:g}" for metric, margin in verdict.margins.items())
        caption = f"Published and reproduced: {about}; {interval}; margins of equivalence: {margins}"
        evidence, claims = evidence_of(plan), load_claims()
        found = main_table(chosen, tables, claims, evidence)
        lines = claim_lines(claim_rows(chosen, tables, claims, evidence))
    elif which is Which.hypotheses:
        caption = f"The paper's conclusions {data_scope(chosen)}, on shared seeds: {about}"
        runs = scored_runs(plan, weights)
        rows = hypothesis_rows(chosen, tables, runs, load_hypotheses(), load_claims(), evidence_of(plan))
        found = hypothesis_table(rows, verdict.confidence)
    else:
        caption = f"Differences to {chosen.baseline} on shared seeds: {about}; {interval}"
        found = pairs_table(chosen, tables, scored_runs(plan, weights))
    typer.echo(formatted(found, format, caption, verdict.confidence, lines), nl=False)
