"""Verb `synth`: the study's synthetic world, written as a nuScenes folder."""

from pathlib import Path

from labeldistill.cli.options import ResultsOption, StudyOption
from labeldistill.cli.progress import bar


def synth(study: StudyOption, results: ResultsOption = Path("results"), workers: int = 1) -> None:
    """Write the synthetic world of a study; does nothing if it exists.

    Example: labeldistill synth --study smoke
    """
    from labeldistill.errors import InputError
    from labeldistill.study.plan import StudyPlan
    from labeldistill.synthetic.write import write_world

    plan = StudyPlan.load(study, results)
    if plan.study.data.synth is None:
        raise InputError(
            f"study {plan.study.name} reads an existing data root and has no world to write", key="data.synth"
        )
    if plan.world.is_dir():
        return
    with bar("synth") as progress:
        write_world(
            plan.study.data.synth, plan.world, version=plan.study.data.version, workers=workers, progress=progress
        )
