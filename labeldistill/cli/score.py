"""Verb `score`: score a run's predictions, raw and EMA, with our evaluator and the devkit."""

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
    """Score a run's predictions on the study's evaluation split; exit 1 if we and the devkit differ by over 1e-9.

    A run whose predictions contain NaN or infinity counts as diverged. Ingested runs and adopted
    checkpoints are scored by their --key.

    Example: labeldistill score full --study smoke --seed 1
    """
    from labeldistill.claims.registration import register_first_score
    from labeldistill.config.run_files import predictions_path
    from labeldistill.evaluation.score_run import score_run
    from labeldistill.records.provenance import code_provenance
    from labeldistill.study.plan import StudyPlan
    from labeldistill.study.scoring import scoring_options, scoring_task

    plan = StudyPlan.load(study, results)
    taken = [run for run in plan.ingested if (run.variant, run.seed, run.key) == (unit, seed, key)]
    files: dict[str, Path] = {run.weights: run.detections for run in taken}
    if taken:
        out, run_key = plan.ingested_metrics(taken[0]), taken[0].key
    else:
        run = plan.run(unit, seed, key)
        files = {weights: predictions_path(plan.predictions(run), weights) for weights in run.weights}
        out, run_key = plan.metrics(run), run.key
    register_first_score(plan, code_provenance()["commit"])
    score_run(files, scoring_task(plan), out, scoring_options(plan, arbiter=arbiter), run_key=run_key)
