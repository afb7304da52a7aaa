"""Verb `bisect`: which commit made a study worse."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from labeldistill.cli.options import TableOrJson, TableOrJsonOption
from labeldistill.compare.bisect_runs import COMMAND


def bisect(
    study: Annotated[str, typer.Argument(help="Name of a study.")],
    good: Annotated[str, typer.Argument(help="Revision that was good.")],
    bad: Annotated[str, typer.Argument(help="Later revision that is worse.")],
    metric: Annotated[str, typer.Option("--metric", help="Metric that got worse.")] = "NDS",
    variant: Annotated[str, typer.Option("--variant", help="Variant that is looked at.")] = "full",
    seeds: Annotated[int, typer.Option("--seeds", min=3, help="Most seeds of one commit.")] = 6,
    store: Annotated[Path, typer.Option("--store", help="Folder that keeps what was run.")] = Path(".cache/bisect"),
    run: Annotated[str, typer.Option("--run", help="Command that runs a commit in its checkout.")] = COMMAND,
    format: TableOrJsonOption = TableOrJson.table,
) -> None:
    """Find the commit that made a study worse. Commits that can't be run are skipped; what was run once is kept.

    Each commit runs seed by seed against the good one on the same seeds and stops when a sequential test settles it.
    Exit code 1 where no regression is shown between the two revisions.

    Example: labeldistill bisect mini v0.1 HEAD --metric NDS --seeds 6
    """
    from labeldistill.compare.bisect import Looked, Search
    from labeldistill.compare.bisect import bisect as searched
    from labeldistill.compare.bisect_runs import Runner, commits_between
    from labeldistill.config.metrics import METRICS
    from labeldistill.errors import GateError, InputError

    if metric not in METRICS:
        raise InputError(f"no metric `{metric}`; known: {', '.join(METRICS)}", key="--metric")

    def tell(looked: Looked) -> None:
        typer.echo(
            f"{looked.commit[:10]} {looked.side}: {looked.seeds} seeds, {looked.difference:+.2f}, {looked.reason}",
            err=True,
        )

    store.mkdir(parents=True, exist_ok=True)
    commits = commits_between(Path(), good, bad)
    runner = Runner(Path(), study, variant, metric, store, run)
    typer.echo(f"{len(commits)} commits from {commits[0][:10]} to {commits[-1][:10]}", err=True)
    found = searched(Search(commits, runner, seeds, higher_is_better=METRICS[metric].higher_is_better, tell=tell))
    if format is TableOrJson.json:
        typer.echo(json.dumps(asdict(found), indent=1))
    for commit in found.suspects if format is TableOrJson.table else ():
        typer.echo(commit)
    if not found.suspects:
        raise GateError(f"no regression of {metric} is shown between {good} and {bad}")
