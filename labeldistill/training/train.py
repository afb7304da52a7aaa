"""One training run of any stage, from settings and folders to weights."""

from pathlib import Path

from labeldistill.config.study import RunSettings
from labeldistill.training.fit import Finish, fit
from labeldistill.training.job import Device, Outcome, TrainingJob
from labeldistill.training.recipe import FROZEN, build_model, training_items


def train(
    run: RunSettings,
    infos_dir: Path,
    out_dir: Path,
    *,
    run_key: str,
    teacher_dir: Path | None = None,
    label_encoder_dir: Path | None = None,
    device: Device = "auto",
    devices: int = 1,
    nodes: int = 1,
    progress: bool | None = None,
    finish: Finish = lambda outcome: None,
) -> Outcome | None:
    """Train a teacher, a label encoder or a student; `records.training_run.train` does this and writes the record.

    See `fit` for what is written, how a killed run goes on, and what is raised.
    """
    job = training_job(
        run,
        infos_dir,
        out_dir,
        run_key=run_key,
        teacher_dir=teacher_dir,
        label_encoder_dir=label_encoder_dir,
        device=device,
        devices=devices,
        nodes=nodes,
        progress=progress,
    )
    return fit(job, finish)


def training_job(
    run: RunSettings,
    infos_dir: Path,
    out_dir: Path,
    *,
    run_key: str,
    teacher_dir: Path | None = None,
    label_encoder_dir: Path | None = None,
    device: Device = "auto",
    devices: int = 1,
    nodes: int = 1,
    progress: bool | None = None,
) -> TrainingJob:
    """A run with its model and items in place, not yet started; the determinism audit takes it too.

    Raises:
        InputError: a parent or an index that is missing, damaged or of other settings.
    """
    return TrainingJob(
        run_key=run_key,
        stage=run.stage,
        seed=run.seed,
        training=run.training,
        model=build_model(run, teacher_dir=teacher_dir, label_encoder_dir=label_encoder_dir),
        items=training_items(run, infos_dir),
        out_dir=out_dir,
        settings=run.model_dump(mode="json"),
        switches=run.switches,
        frozen=FROZEN[run.stage],
        device=device,
        devices=devices,
        nodes=nodes,
        progress=progress,
    )
