"""A training run with its record, for the verb `train`."""

from typing import Any

from labeldistill.config.run_files import RECORD
from labeldistill.errors import InputError
from labeldistill.records.run_record import build_record, read_record, write_record
from labeldistill.training.job import Execution, LocatedRun, Outcome
from labeldistill.training.weights_file import read_about, weights_path


def train_with_record(
    run: LocatedRun,
    execution: Execution,
    *,
    study: str,
    variant: str,
    extra: dict[str, Any] | None = None,
) -> None:
    """Train one run of any stage: weights, losses.csv, events.jsonl, and record.json as the last file.

    A folder with a record is finished and left unchanged. A killed run resumes from its checkpoint; see
    `training.fit`. With several machines, each calls this, and only the first writes.

    Args:
        run: settings and folders of the run.
        execution: device, number of devices and machines.
        study: name of the study, for the record.
        variant: unit of the run, for the record.
        extra: anything else to store in the record under `extra`.

    Raises:
        InputError: a folder that another run uses or finished, a parent of other settings, a full disk and so on.
        Interrupted: the run was asked to stop; a checkpoint is kept.
    """
    file = run.folder / RECORD
    if file.is_file():
        found = read_record(file)["run_key"]
        if found != run.key:
            raise InputError(f"this folder holds run {found}, not {run.key}", file=file, key="run_key")
        return
    from labeldistill.training.train import train_weights

    parents = {
        stage.replace("-", "_"): read_about(weights_path(folder, "ema"))["run_key"]
        for stage, folder in run.parents.items()
    }

    def finish(outcome: Outcome) -> None:
        write_record(file, build_record(run, outcome, study=study, variant=variant, parents=parents, extra=extra))

    train_weights(run, execution, finish)
