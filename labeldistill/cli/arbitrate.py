"""Verb `arbitrate`: have nuscenes-devkit confirm the scores of every run of a study."""

from pathlib import Path
from typing import Annotated

import typer

from labeldistill.cli.options import ResultsOption


def arbitrate(
    study: Annotated[str, typer.Argument(help="Name of a study, or a YAML file.")],
    results: ResultsOption = Path("results"),
) -> None:
    """Compare every number of every scored run with the unmodified devkit's; exit 1 if any differs by over 1e-9.

    One process loads the devkit's tables once and takes the runs in turn. What it confirmed is kept by the content of
    the scores, so only new ones are compared; `gather`, and all that reads its table, refuses scores that it has not
    confirmed.

    Example: labeldistill arbitrate smoke
    """
    from labeldistill.study.arbitration import arbitrate as arbitrate_study
    from labeldistill.study.plan import StudyPlan

    plan = StudyPlan.of_results(study, results)
    compared = arbitrate_study(plan)
    typer.echo(f"nuscenes-devkit confirms every run ({compared} compared now): {plan.arbitration}")
