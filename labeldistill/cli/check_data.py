"""Verb `check-data`: check that a study's nuScenes folder is complete and readable."""

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
        bool, typer.Option("--whole", help="Read every sensor file completely; exit 1 if one has changed.")
    ] = False,
    only_present: Annotated[
        str | None,
        typer.Option("--only-present", help="Write study NAME of the scenes whose files are all there; partial."),
    ] = None,
) -> None:
    """Check every file that a study reads and write the findings beside its index; exit 2 if one is bad.

    The content of all sensor files is part of every run key if they have at most 4 GiB; otherwise that of 256 MB of
    them, and of every other file that changes later. In the latter case, only `--whole` finds a file that was replaced
    with the same size and time, and only after an earlier `--whole`.

    With a part of the download, `--only-present NAME` writes a study of the scenes that are complete. Its lists of
    scenes are settings, so they enter keys and records, and nothing of it is comparable with a published number.

    Example: labeldistill check-data --study real-frame
    """
    from dataclasses import asdict

    from labeldistill.errors import InputError
    from labeldistill.files import write_json
    from labeldistill.nuscenes.check import check_data as look
    from labeldistill.study.plan import StudyPlan

    plan = StudyPlan.load(study, results)
    if only_present is not None:
        _write_present(plan, only_present)
        return
    with bar("check data") as progress:
        report = look(plan.study.data, plan.dataroot, cache=plan.table_cache, progress=progress, devkit=True)
    if not report.whole:
        for problem in report.problems[:SHOWN]:
            typer.echo(f"{plan.dataroot / problem.file}: {problem.what}", err=True)
        first = report.problems[0]
        raise InputError(
            f"{first.what}; {len(report.problems)} of {report.images + report.clouds} files are bad "
            "(--only-present NAME writes a study of the scenes that are complete)",
            file=plan.dataroot / first.file,
        )
    if whole:
        _read_all(plan)
    sensors = plan.sensor_files.fingerprint(seconds=None)  # of every file; the path of the check depends on it
    write_json(plan.data_check, {**asdict(report), "sensor_files": asdict(sensors)})
    typer.echo(f"{plan.dataroot}: {report.images} images and {report.clouds} clouds, {report.key_frames} key frames")


def _write_present(plan: "StudyPlan", name: str) -> None:
    from labeldistill.nuscenes.present import present_scenes
    from labeldistill.study.present_study import write_present_study

    found = present_scenes(plan.study.data, plan.dataroot, plan.table_cache)
    file = write_present_study(name, plan.study, found)
    for split, present in found.items():
        typer.echo(f"{split}: {present}")
    typer.echo(f"{file}: PARTIAL and never comparable; next: labeldistill plan {name}")


def _read_all(plan: "StudyPlan") -> None:
    from labeldistill.errors import GateError

    with bar("read") as progress:
        found, changed = plan.sensor_files.read_all(progress)
    if changed is None:
        typer.echo(
            f"{plan.dataroot}: {found.files} sensor files read completely for the first time: nothing to compare with"
        )
        return
    for name in changed[:SHOWN]:
        typer.echo(f"{plan.dataroot / name}: its content has changed since it was last read", err=True)
    if changed:
        raise GateError(
            f"{plan.dataroot}: {len(changed)} sensor files have changed; their new content is part of every key "
            "from now on, so no earlier result is used again"
        )
    typer.echo(f"{plan.dataroot}: {found.files} sensor files read completely: none has changed")
