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

    A run whose predictions contain NaN or infinity counts as diverged. Ingested runs and adopted checkpoints are scored
    by their --key. Without the devkit, `arbitrate` has to confirm the scores before anything is made of them.

    Example: labeldistill score full --study smoke --seed 1
    """
    from labeldistill.claims.registration import register_first_score
    from labeldistill.evaluation.score_run import score_run
    from labeldistill.records.provenance import code_provenance
    from labeldistill.study.confirmed import confirm, of_ingested, of_run
    from labeldistill.study.plan import StudyPlan
    from labeldistill.study.scoring import scoring_options, scoring_task

    plan = StudyPlan.of_results(study, results)
    taken = [run for run in plan.ingested if (run.variant, run.seed, run.key) == (unit, seed, key)]
    stored = of_ingested(plan, taken[0]) if taken else of_run(plan, plan.run(unit, seed, key))
    register_first_score(plan, code_provenance()["commit"])
    options = scoring_options(plan, arbiter=arbiter)
    found = score_run(stored.predictions, scoring_task(plan), stored.folder, options, run_key=stored.run_key)
    if arbiter:
        confirm(plan, stored, {weights: result.agreement for weights, result in found.items() if result.agreement})
