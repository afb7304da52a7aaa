"""Verb `benchmark`: training speed, inference latency and memory of a study's units, measured in one process."""

from pathlib import Path

from labeldistill.cli.options import DeviceOption, ResultsOption, StudyOption
from labeldistill.cli.progress import bar


def benchmark(study: StudyOption, device: DeviceOption = "auto", results: ResultsOption = Path("results")) -> None:
    """Measure the teacher and the first seed of every variant, one after the other in this process.

    Example: labeldistill benchmark --study smoke
    """
    from labeldistill.files import write_json
    from labeldistill.records.environment import device_name
    from labeldistill.records.plan import StudyPlan
    from labeldistill.training.benchmark import benchmark as measure

    plan = StudyPlan.load(study, results)
    chosen = device if device != "auto" else plan.study.device
    units: dict[str, object] = {}
    with bar("benchmark") as progress:
        for done, run in enumerate(plan.benchmarked):
            progress(done, len(plan.benchmarked))
            metrics = measure(
                run.settings,
                run.folder,
                plan.infos,
                run_key=run.key,
                warmup=plan.study.benchmark.warmup,
                repeats=plan.study.benchmark.repeats,
                device=chosen,
                teacher_dir=run.teacher.folder if run.teacher else None,
                label_encoder_dir=run.label_encoder.folder if run.label_encoder else None,
            )
            units[run.unit] = {"run_key": run.key, "metrics": metrics}
    write_json(plan.benchmark, {"device": device_name(chosen), "units": units})
