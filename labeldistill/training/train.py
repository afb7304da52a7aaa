"""One training run of any stage, from settings and folders to weights."""

from labeldistill.config.methods import STAGES
from labeldistill.training.fit import Finish, fit
from labeldistill.training.job import Execution, LocatedRun, Outcome, TrainingJob
from labeldistill.training.recipe import build_model, check_start, training_items


def train_weights(run: LocatedRun, execution: Execution, finish: Finish = lambda outcome: None) -> Outcome | None:
    """Train a run to its weights; `records.training_run.train_with_record` does this and writes the record.

    See `fit` for what is written, how a killed run resumes, and what is raised.
    """
    return fit(training_job(run, execution), finish)


def training_job(run: LocatedRun, execution: Execution) -> TrainingJob:
    """A run with its model and items, ready to start.

    Raises:
        InputError: a parent or an index that is missing, damaged or of other settings; initial weights not specified.
    """
    settings = run.settings
    check_start(settings)
    return TrainingJob(
        run_key=run.key,
        stage=settings.stage,
        seed=settings.seed,
        training=settings.training,
        model=build_model(settings, run.parents),
        items=training_items(settings, run.infos),
        out_dir=run.folder,
        settings=settings.model_dump(mode="json"),
        switches=settings.switches,
        frozen=STAGES[settings.stage].frozen,
        device=execution.device,
        devices=execution.devices,
        nodes=execution.nodes,
        progress=execution.progress,
    )
