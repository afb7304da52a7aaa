"""Verb `status`: the state of every run of a study."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labeldistill.cli.options import ResultsOption, TableOrJson, TableOrJsonOption

if TYPE_CHECKING:
    from labeldistill.monitor.study_status import StudyStatus
    from labeldistill.study.plan import StudyPlan


def status(
    study: Annotated[str, typer.Argument(help="Name of a study, or a YAML file.")],
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Refresh until every run has ended.")] = False,
    every: Annotated[float, typer.Option("--every", min=0.2, help="Seconds between refreshes.")] = 2.0,
    format: TableOrJsonOption = TableOrJson.table,
    results: ResultsOption = Path("results"),
) -> None:
    """Show teachers, label encoders and variants x seeds: state, step, remaining time, last loss or score, sign of
    life.

    Everything is read from the runs' folders, so it is right even after a crash. Exit code 2 if a record can't be read.
    With --watch, Ctrl-C only ends the view.

    Example: labeldistill status smoke --watch
    """
    from labeldistill.study.plan import StudyPlan

    plan = StudyPlan.load(study, results)
    last: list[StudyStatus] = []
    looks = _looks(plan, watch, every, last)
    try:
        if format is TableOrJson.json:
            _print_json(looks, indent=None if watch else 1)
        else:
            from labeldistill.cli.status_text import print_status, watch_status

            (watch_status if watch and sys.stdout.isatty() else print_status)(looks)
    except KeyboardInterrupt:  # wherever it happens: between two refreshes or during one
        if not watch:
            raise
    _refuse_unreadable(last)


def _looks(plan: "StudyPlan", watch: bool, every: float, last: "list[StudyStatus]") -> "Iterator[StudyStatus]":
    """Yield one look after the other; `last` holds the newest."""
    from labeldistill.monitor.study_status import study_status

    while True:
        found = study_status(plan)
        last[:] = [found]
        yield found
        if not watch or found.over:
            return
        time.sleep(every)


def _print_json(looks: "Iterator[StudyStatus]", indent: int | None) -> None:
    from dataclasses import asdict

    from labeldistill.files import without_nan

    for look in looks:
        typer.echo(json.dumps(without_nan(asdict(look)), indent=indent))


def _refuse_unreadable(last: "list[StudyStatus]") -> None:
    from labeldistill.errors import InputError
    from labeldistill.monitor.run_status import State

    problems = [run.note for look in last for run in look.runs if run.state is State.unreadable]
    if problems:
        raise InputError("\nlabeldistill: ".join(problems))
