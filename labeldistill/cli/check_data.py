"""Verb `check-data`: whether a study's nuScenes folder is whole and readable."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labeldistill.cli.options import ResultsOption, StudyOption
from labeldistill.cli.progress import bar

if TYPE_CHECKING:
    from labeldistill.study.plan import StudyPlan

SHOWN = 10


def check_data(
    study: StudyOption,
    results: ResultsOption = Path("results"),
    whole: Annotated[
        bool, typer.Option("--whole", help="Read every sensor file whole; exit 1 when one is another than before.")
    ] = False,
) -> None:
    """Look at every file that a study reads and write what was found beside its index; exit 2 when one is bad.

    The content of all sensor files is part of every run key where they hold 4 GiB at most, else that of 256 MB of them
    and of every other one that changes later. In the latter case a file replaced under its own size and time is found
    by `--whole` alone, and only after an earlier `--whole`.

    Example: labeldistill check-data --study real-frame
    """
    from dataclasses import asdict

    from labeldistill.errors import InputError
    from labeldistill.files import write_json
    from labeldistill.nuscenes.check import check_data as look
    from labeldistill.study.plan import StudyPlan

    plan = StudyPlan.load(study, results)
    with bar("check data") as progress:
        report = look(plan.study.data, plan.dataroot, cache=plan.table_cache, progress=progress, devkit=True)
    if not report.whole:
        for problem in report.problems[:SHOWN]:
            typer.echo(f"{plan.dataroot / problem.file}: {problem.what}", err=True)
        first = report.problems[0]
        raise InputError(
            f"{first.what}; {len(report.problems)} of {report.images + report.clouds} files are bad",
            file=plan.dataroot / first.file,
        )
    if whole:
        _read_all(plan)
    sensors = plan.sensor_files.fingerprint(seconds=None)  # of every file, before the name of the check follows from it
    write_json(plan.data_check, {**asdict(report), "sensor_files": asdict(sensors)})
    typer.echo(f"{plan.dataroot}: {report.images} images and {report.clouds} clouds, {report.key_frames} key frames")


def _read_all(plan: "StudyPlan") -> None:
    from labeldistill.errors import GateError

    with bar("read") as progress:
        found, changed = plan.sensor_files.read_all(progress)
    if changed is None:
        typer.echo(
            f"{plan.dataroot}: {found.files} sensor files read whole for the first time: nothing to compare with"
        )
        return
    for name in changed[:SHOWN]:
        typer.echo(f"{plan.dataroot / name}: another content than when it was last read", err=True)
    if changed:
        raise GateError(
            f"{plan.dataroot}: {len(changed)} sensor files have another content than before; it is part of every key "
            "from now on, so no result of before is used again"
        )
    typer.echo(f"{plan.dataroot}: {found.files} sensor files read whole: all as they were")
