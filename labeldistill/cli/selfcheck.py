"""Verb `selfcheck`: is this machine right for it?"""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from labeldistill.cli.options import DeviceOption, TableOrJson, TableOrJsonOption


def selfcheck(
    device: DeviceOption = "auto",
    study: Annotated[str, typer.Option("--study", "-s", help="Whose variants take a step.")] = "paper-r50-3f",
    minutes: Annotated[float, typer.Option("--minutes", min=0, help="No check is begun after this.")] = 8.0,
    batch: Annotated[int | None, typer.Option("--batch", min=1, help="Default: 4 on a GPU, 1 on a CPU.")] = None,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Steps whose losses have to be finite.")] = 50,
    format: TableOrJsonOption = TableOrJson.table,
) -> None:
    """Check operators, determinism, finite losses, speed and memory with random data; exit 1 if a check fails.

    On a GPU the study's images and grid are used; on a CPU small ones with the same networks. Needs no data set, and
    neither nuscenes-devkit, Snakemake nor DVC. What no time is left for is NOT RUN, which is no failure.

    Example: labeldistill selfcheck --device cuda --json
    """
    from labeldistill.checks.selfcheck import Sizes, machine
    from labeldistill.checks.selfcheck import selfcheck as checks
    from labeldistill.config.load import load_study
    from labeldistill.errors import GateError
    from labeldistill.training.devices import resolve_device

    cuda = resolve_device(device) == "cuda"
    sizes = Sizes(batch or (4 if cuda else 1), steps, full_size=cuda, seconds=60 * minutes)
    about, found = machine(device), []
    if format is TableOrJson.table:
        typer.echo(f"{about['name']} ({about['type']}), torch {about['torch']}")
    for check in checks(load_study(study), device, sizes):
        found.append(check)
        if format is TableOrJson.table:
            verdict = {True: "ok", False: "FAIL", None: "-"}[check.passed]
            typer.echo(f"{verdict:5}{check.name}: {check.text}")
    if format is TableOrJson.json:
        value = {"device": about, "study": study, "sizes": asdict(sizes), "checks": [asdict(each) for each in found]}
        typer.echo(json.dumps(value, indent=1))
    if failed := [check.name for check in found if check.passed is False]:
        raise GateError(f"{len(failed)} of {len(found)} checks failed: {'; '.join(failed)}")
