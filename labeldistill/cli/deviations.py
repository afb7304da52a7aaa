"""Verb `deviations`: the effect of each oddity of the released code, from a study that flips the switches."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from labeldistill.cli.options import Format, FormatOption, ResultsOption


def deviations(
    study: Annotated[str, typer.Argument(help="Name of a study whose variants flip one switch each, or a YAML file.")],
    format: FormatOption = Format.table,
    weights: Annotated[str, typer.Option("--weights", help="ema or raw.")] = "ema",
    write: Annotated[bool, typer.Option("--write", help="Write the effects into workflow/claims/deviations.")] = False,
    results: ResultsOption = Path("results"),
) -> None:
    """Print the effect of each switch (corrected minus released) in points with its interval over shared seeds.

    Example: labeldistill deviations deviations --write
    """
    from labeldistill.claims.deviations import ledger_folder, ledger_texts, parsed, with_effects
    from labeldistill.errors import InputError
    from labeldistill.files import write_text
    from labeldistill.records.gather import gather
    from labeldistill.reporting.deviation_table import deviation_table, effects, measured_switches
    from labeldistill.reporting.study_tables import StudyTables
    from labeldistill.study.plan import StudyPlan

    plan = StudyPlan.load(study, results)
    chosen, before = plan.study, ledger_texts(ledger_folder())
    parsed(before)
    tables = StudyTables(gather(plan), tuple(chosen.variants), chosen.baseline, weights)
    if weights not in set(tables.table["weights"]):
        raise InputError(f"no scores of `{weights}` weights; there are raw and ema", key="--weights")
    rows = measured_switches(chosen, tables)
    table = deviation_table(rows)
    if format is Format.json:
        sys.stdout.write(table.to_json(orient="records", indent=1) + "\n")
    elif format is Format.csv:
        table.to_csv(sys.stdout, index=False, float_format="%.6g")
    else:
        _print(table, f"study {chosen.name}, {weights} weights, split {chosen.evaluation_split}")
    if write:
        found = effects(rows, chosen, plan.version, weights)
        after = with_effects(before, found)
        parsed(after)
        for file, text in after.items():
            if text != before[file]:
                write_text(file, text)
        typer.echo(f"{len(found)} effects written to {ledger_folder()}", err=True)


def _print(table: object, about: str) -> None:
    import pandas as pd

    assert isinstance(table, pd.DataFrame)
    typer.echo(f"corrected minus released, points of mAP and NDS: {about}")
    shown = table.drop(columns=["reason", "sd", "p_t"]).round({"effect": 2, "low": 2, "high": 2, "p_holm": 4})
    typer.echo(shown.to_string(index=False))
    for number, reason in enumerate(table["reason"].drop_duplicates(), start=1):
        typer.echo(f"{number}. {reason}")
