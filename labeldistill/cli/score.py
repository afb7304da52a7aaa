"""Verb `score`: one run's predictions, raw and EMA, by our evaluator and by the devkit."""

from pathlib import Path
from typing import Annotated

import typer

from labeldistill.cli.options import KeyOption, ResultsOption, SeedOption, StudyOption, UnitArgument


def score(
    unit: UnitArgument,
    study: StudyOption,
    seed: SeedOption = 0,
    key: KeyOption = None,
    arbiter: Annotated[bool, typer.Option("--arbiter/--no-arbiter", help="Also run the unmodified devkit.")] = True,
    results: ResultsOption = Path("results"),
) -> None:
    """Score a run's predictions on the study's evaluation split; exit 1 where we and the devkit differ by over 1e-9.

    Example: labeldistill score full --study smoke --seed 1
    """
    from labeldistill.evaluation.predict import predictions_path
    from labeldistill.evaluation.score_run import score_run
    from labeldistill.records.plan import StudyPlan
    from labeldistill.training.weights_file import WEIGHTS

    plan = StudyPlan.load(study, results)
    run = plan.run(unit, seed, key)
    split = plan.study.evaluation_split
    score_run(
        {weights: predictions_path(plan.predictions(run), weights) for weights in WEIGHTS},
        plan.dataroot,
        plan.study.data.version,
        plan.study.data.splits[split],
        plan.metrics(run),
        run_key=run.key,
        split_name=split,
        arbiter=arbiter,
        cache=plan.cache,
    )
