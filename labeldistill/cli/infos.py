"""Verb `infos`: the columnar index of samples, cameras, sweeps and boxes, with the depth maps."""

from pathlib import Path

from labeldistill.cli.options import ResultsOption, StudyOption
from labeldistill.cli.progress import bar


def infos(study: StudyOption, results: ResultsOption = Path("results")) -> None:
    """Build the columnar index of a study's data root; does nothing if it exists.

    Example: labeldistill infos --study smoke
    """
    from labeldistill.data.infos import build_infos
    from labeldistill.study.plan import StudyPlan

    plan = StudyPlan.load(study, results)
    if plan.infos_index.is_file():
        return
    with bar("infos") as progress:
        build_infos(
            plan.study.data,
            plan.dataroot,
            plan.infos,
            cache=plan.table_cache,
            sensor_files=plan.sensor_files.fingerprint().sha256,
            progress=progress,
        )
