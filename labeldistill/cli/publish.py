"""Verb `publish`: a study's numbers under fixed names, for DVC's metrics and plots."""

from pathlib import Path
from typing import Annotated

import typer

from labeldistill.cli.options import ResultsOption


def publish(
    study: Annotated[str, typer.Argument(help="Name of a study, or a YAML file.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write; default metrics/<study>.")] = None,
    results: ResultsOption = Path("results"),
) -> None:
    """Copy a finished study's numbers to fixed names that `dvc metrics` and `dvc plots` read.

    Example: labeldistill publish smoke
    """
    from labeldistill.records.publish import publish as publish_numbers
    from labeldistill.study.plan import StudyPlan

    plan = StudyPlan.load(study, results)
    publish_numbers(plan, out or Path("metrics") / plan.study.name)
