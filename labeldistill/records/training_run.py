"""A training run with its record: what the verb `train` calls."""

from pathlib import Path
from typing import Any

from labeldistill.config.study import RunSettings
from labeldistill.errors import InputError
from labeldistill.records.run_record import NAME, build_record, read_record, write_record
from labeldistill.training.job import Device, Outcome
from labeldistill.training.weights_file import read_about, weights_path


def train(
    run: RunSettings,
    infos_dir: Path,
    out_dir: Path,
    *,
    run_key: str,
    study: str,
    variant: str,
    teacher_dir: Path | None = None,
    label_encoder_dir: Path | None = None,
    device: Device = "auto",
    devices: int = 1,
    nodes: int = 1,
    progress: bool | None = None,
    extra_record: dict[str, Any] | None = None,
) -> None:
    """Train one run of any stage into `out_dir`: weights, losses.csv, ledger.jsonl, and record.json as the last file.

    A folder with a record is finished and left alone. A killed run goes on from its checkpoint; see `training.fit`.
    With several `nodes` each of them calls this, and the first one alone writes.

    Raises:
        InputError: a folder that another run uses or finished, a parent of other settings, a full disk, ...
        Interrupted: asked to stop; a checkpoint is kept.
    """
    file = out_dir / NAME
    if file.is_file():
        found = read_record(file)["run_key"]
        if found != run_key:
            raise InputError(f"this folder holds run {found}, not {run_key}", file=file, key="run_key")
        return
    from labeldistill.training.train import train as train_weights

    folders = {"teacher": teacher_dir, "label_encoder": label_encoder_dir}
    parents = {role: read_about(weights_path(at, "ema"))["run_key"] for role, at in folders.items() if at is not None}

    def finish(outcome: Outcome) -> None:
        record = build_record(
            run,
            outcome,
            run_key=run_key,
            study=study,
            variant=variant,
            infos_dir=infos_dir,
            parents=parents,
            extra=extra_record,
        )
        write_record(file, record)

    train_weights(
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
        finish=finish,
    )
