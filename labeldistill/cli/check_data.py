"""Verb `check-data`: whether a study's nuScenes folder is whole and readable."""

from pathlib import Path

import typer

from labeldistill.cli.options import ResultsOption, StudyOption
from labeldistill.cli.progress import bar

SHOWN = 10


def check_data(
    study: StudyOption,
    results: ResultsOption = Path("results"),
) -> None:
    """Look at every file that a study reads and write what was found beside its index; exit 2 when one is bad.

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
    write_json(plan.data_check, asdict(report))
    typer.echo(f"{plan.dataroot}: {report.images} images and {report.clouds} clouds, {report.key_frames} key frames")
