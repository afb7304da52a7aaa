"""Verb `table`: a study's numbers as a table for a paper."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labeldistill.cli.options import ResultsOption, StudyOption
from labeldistill.reporting.text_table import TableFormat

if TYPE_CHECKING:
    from labeldistill.reporting.study_tables import StudyTables
    from labeldistill.study.plan import StudyPlan


class Which(StrEnum):
    """Kinds of tables."""

    main = "main"
    pairs = "pairs"
    hypotheses = "hypotheses"
    components = "components"
    ratios = "partition"
    label_encoder = "label-encoder"
    distance = "distance"
    auto_encoder = "auto-encoder"


_KINDS = (
    "main: published and reproduced. pairs: variants vs. baseline. hypotheses: the paper's conclusions. components: "
    "loss terms of each variant. partition: channel ratios. label-encoder: its quality and its student's. distance: "
    "ranges. auto-encoder: label encoders, boxes in and boxes out."
)


def table(
    which: Annotated[Which, typer.Argument(help=_KINDS)],
    study: StudyOption,
    format: Annotated[TableFormat, typer.Option("--format", "-f", help="Format of the table.")] = TableFormat.markdown,
    weights: Annotated[str, typer.Option("--weights", help="ema or raw.")] = "ema",
    results: ResultsOption = Path("results"),
) -> None:
    """Print a table of a finished study with intervals and verdicts; bold: not to be explained by noise.

    Example: labeldistill table main --study smoke --format latex
    """
    from labeldistill.errors import InputError
    from labeldistill.records.gather import gather
    from labeldistill.reporting.study_tables import StudyTables
    from labeldistill.study.plan import StudyPlan

    plan = StudyPlan.of_results(study, results)
    chosen = plan.study
    tables = StudyTables(gather(plan), tuple(chosen.variants), chosen.baseline, weights, chosen.verdict.confidence)
    if weights not in set(tables.table["weights"]):
        raise InputError(f"no scores of `{weights}` weights; there are raw and ema", key="--weights")
    verdicts = which in (Which.main, Which.pairs, Which.hypotheses)
    write = _verdicts if verdicts else _ablation
    typer.echo(write(which, format, plan, tables), nl=False)


def _about(plan: "StudyPlan", weights: str) -> str:
    """What a caption says of study, weights, split and units, with what speaks against the numbers in front."""
    from labeldistill.claims.evidence import evidence_of

    study = plan.study
    about = f"study {study.name}, {weights} weights, split {study.evaluation_split}; mAP and NDS in points"
    held = evidence_of(plan).reservations(study.variants, study.seeds)
    return f"{'; '.join(held)}; {about}" if held else about


def _ablation(which: Which, format: TableFormat, plan: "StudyPlan", tables: "StudyTables") -> str:
    from labeldistill.reporting.ablation_tables import KINDS, Scored
    from labeldistill.reporting.scored_runs import scored_runs
    from labeldistill.reporting.text_table import WRITERS

    weights = tables.weights
    found = KINDS[which.value](Scored(plan, tables, scored_runs(plan, weights), _about(plan, weights)))
    if format is TableFormat.csv:
        return found.numbers.to_csv(index=False, float_format="%.6g")
    return WRITERS[format](found.text)


def _verdicts(which: Which, format: TableFormat, plan: "StudyPlan", tables: "StudyTables") -> str:
    from labeldistill.claims.claims import load_claims
    from labeldistill.claims.evidence import evidence_of
    from labeldistill.claims.hypotheses import load_hypotheses
    from labeldistill.reporting.claim_lines import claim_lines
    from labeldistill.reporting.hypothesis_table import hypothesis_rows, hypothesis_table
    from labeldistill.reporting.paper_table import main_table, pairs_table
    from labeldistill.reporting.scope import data_scope
    from labeldistill.reporting.scored_runs import scored_runs
    from labeldistill.reporting.table_formats import formatted
    from labeldistill.reporting.verdicts import claim_rows

    chosen, weights, about = plan.study, tables.weights, _about(plan, tables.weights)
    verdict = chosen.verdict
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
        found = pairs_table(chosen, tables, scored_runs(plan, weights), evidence_of(plan))
    return formatted(found, format, caption, verdict.confidence, lines)
