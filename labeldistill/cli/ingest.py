"""Verb `ingest`: add an official result file of another code base to a study as a run."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labeldistill.cli.options import Format, FormatOption, ResultsOption, SeedOption, StudyOption

if TYPE_CHECKING:
    from labeldistill.study.plan import StudyPlan


class Weights(StrEnum):
    """Kind of weights behind the file."""

    raw = "raw"
    ema = "ema"


def ingest(
    file: Annotated[Path, typer.Argument(help="results_nusc.json on the study's evaluation split.")],
    study: StudyOption,
    variant: Annotated[str, typer.Option("--variant", help="Variant of the study that the file belongs to.")],
    seed: SeedOption = 0,
    weights: Annotated[Weights, typer.Option("--weights", help="Kind of weights behind the file.")] = Weights.ema,
    source: Annotated[str, typer.Option("--source", help="Code base, commit and checkpoint, in words.")] = "",
    arbiter: Annotated[
        bool, typer.Option("--arbiter", help="Also run the devkit; fail on a difference > 1e-9.")
    ] = False,
    results: ResultsOption = Path("results"),
    format: FormatOption = Format.table,
) -> None:
    """Check an official results JSON of any code base, store it as columns and score it like a run of the study.

    `gather` and everything that reads its table call it `VARIANT (ingested)` and never average it with the study's
    runs. Without --arbiter, `labeldistill arbitrate STUDY` has to confirm its scores first.

    Example: labeldistill ingest results_nusc.json --study paper-r50-3f --variant full --seed 0 --source "released code"
    """
    from labeldistill.claims.registration import register_first_score
    from labeldistill.cli.evaluation_text import print_evaluation
    from labeldistill.errors import InputError
    from labeldistill.evaluation.ingest import Origin
    from labeldistill.evaluation.ingest import ingest as take_in
    from labeldistill.judging.which_split import samples_counted
    from labeldistill.records.provenance import code_provenance
    from labeldistill.study.confirmed import confirm, of_ingested
    from labeldistill.study.ingested import refuse_taken
    from labeldistill.study.plan import StudyPlan
    from labeldistill.study.scoring import scoring_options, scoring_task

    plan = StudyPlan.of_results(study, results)
    if variant not in plan.study.variants:
        raise InputError(f"study {study} has no such variant; known: {', '.join(plan.study.variants)}", key=variant)
    refuse_taken(plan.folder, plan.ingested, (variant, seed, weights.value), file)
    task = scoring_task(plan)
    with samples_counted(task):
        folder, scores = take_in(
            file,
            Origin(plan.study.name, variant, seed, weights.value, source),
            plan.folder / variant / f"seed-{seed}",
            task,
            scoring_options(plan, arbiter=arbiter),
            scores=f"metrics-{plan.scorer}",
            others={run.key: run.detections for run in plan.ingested} | _own(plan, weights.value),
        )
    register_first_score(plan, code_provenance()["commit"], made=1)
    if agreed := scores[weights.value].agreement:
        del plan.ingested  # looked up before this file was taken in
        (run,) = (run for run in plan.ingested if run.folder == folder)
        confirm(plan, of_ingested(plan, run), {weights.value: agreed})
    print_evaluation(scores[weights.value], format)
    typer.echo(f"kept in {folder}", err=format is not Format.table)


def _own(plan: "StudyPlan", weights: str) -> dict[str, Path]:
    """Run key -> predictions of every run of the study itself: none of them may come back as somebody else's."""
    from labeldistill.config.run_files import predictions_path

    files = {run.key: predictions_path(plan.predictions(run), weights) for run in plan.students}
    return {key: file for key, file in files.items() if file.is_file()}
