"""Verb `predict`: detections of one run on the evaluation split, with raw and with EMA weights."""

from pathlib import Path
from typing import Annotated

import typer

from labeldistill.cli.options import DeviceOption, KeyOption, ResultsOption, SeedOption, StudyOption, UnitArgument


def predict(
    unit: UnitArgument,
    study: StudyOption,
    seed: SeedOption = 0,
    key: KeyOption = None,
    device: DeviceOption = "auto",
    devices: Annotated[int, typer.Option("--devices", help="Processes, one per device, that share the split.")] = 1,
    results: ResultsOption = Path("results"),
) -> None:
    """Detect on the study's evaluation split with a finished run, or with an adopted checkpoint by its --key.

    Example: labeldistill predict full --study smoke --seed 1
    """
    from labeldistill.inference.predict import predict as predict_run
    from labeldistill.study.plan import StudyPlan
    from labeldistill.training.job import Execution

    plan = StudyPlan.of_results(study, results)
    run = plan.run(unit, seed, key)
    execution = Execution(device=device if device != "auto" else plan.study.device, devices=devices)
    predict_run(run.located(plan.infos), plan.study.evaluation_split, plan.predictions(run), execution)
