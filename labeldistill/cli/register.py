"""Verb `register`: declare a study's questions before its scores are known."""

from pathlib import Path
from typing import Annotated

import typer

from labeldistill.cli.options import ResultsOption


def register(
    study: Annotated[str, typer.Argument(help="Name of a study, or a YAML file.")],
    as_reference: Annotated[
        list[str] | None,
        typer.Option("--as-reference", help="Only print the study as a reference for this unit; repeat for several."),
    ] = None,
    results: ResultsOption = Path("results"),
) -> None:
    """Write results/STUDY/registered.json: claims, margins, error rate, seeds, weights, variants, analysis, commit.

    The first score also does this. If any of it changes, verdicts begin with that reservation and settle nothing.
    Exit 2 if scores exist and a different declaration was registered.

    Example: labeldistill register paper-r50-3f
    """
    from labeldistill.claims.claims import load_claims
    from labeldistill.claims.comparability import why_not_comparable
    from labeldistill.claims.references import frozen
    from labeldistill.claims.registration import register as declare
    from labeldistill.claims.study_claims import check_claims
    from labeldistill.records.provenance import code_provenance
    from labeldistill.study.plan import StudyPlan

    plan = StudyPlan.load(study, results)
    if as_reference:
        typer.echo(frozen(plan.study, tuple(as_reference)), nl=False)
        return
    claims = load_claims()
    check_claims(plan.study, claims)
    written = declare(plan, code_provenance()["commit"])
    typer.echo(f"{plan.registered}: {'registered' if written else 'already registered, and nothing has changed'}")
    for unit, name in plan.study.claims.items():
        why = why_not_comparable(plan.study, unit, claims[name])
        typer.echo(f"{unit} beside claim {name}: {f'NOT COMPARABLE, {why}' if why else 'settings equal its reference'}")
