"""Verb `benchmark`: training speed, inference latency and memory of a study's units, measured in one process."""

from pathlib import Path
from typing import Any

from labeldistill.cli.options import DeviceOption, ResultsOption, StudyOption
from labeldistill.cli.progress import bar


def benchmark(study: StudyOption, device: DeviceOption = "auto", results: ResultsOption = Path("results")) -> None:
    """Measure the teacher and the first seed of every variant, one after the other in this process.

    Example: labeldistill benchmark --study smoke
    """
    from labeldistill.checks.benchmark import benchmark as measure
    from labeldistill.files import write_json
    from labeldistill.study.plan import StudyPlan

    plan = StudyPlan.load(study, results)
    chosen = device if device != "auto" else plan.study.device
    units: dict[str, dict[str, Any]] = {}
    with bar("benchmark") as progress:
        for done, run in enumerate(plan.benchmarked):
            progress(done, len(plan.benchmarked))
            units[run.unit] = measure(
                run.located(plan.infos),
                split=plan.study.evaluation_split,
                settings=plan.study.benchmark,
                device=chosen,
            )
    write_json(plan.benchmark, {"device": next(iter(units.values()))["device"], "units": units})
