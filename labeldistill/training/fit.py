"""One training run from start or checkpoint to its artefacts."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from labeldistill.config.run_files import EVENTS, LOCK, LOSSES
from labeldistill.errors import InputError, LabelDistillError
from labeldistill.files import file_sha256
from labeldistill.training.checkpoint import remove_checkpoint
from labeldistill.training.determinism import determinism, set_threads
from labeldistill.training.devices import Accelerator, describe, is_first, resolve_device, usable_precision
from labeldistill.training.event_log import EventLog
from labeldistill.training.job import Outcome, TrainingJob
from labeldistill.training.loader import training_batches, usable_workers
from labeldistill.training.lock import RunLock
from labeldistill.training.processes import joined
from labeldistill.training.schedule import Length, lr_factor, run_length
from labeldistill.training.session import Session
from labeldistill.training.state_hash import frozen_hashes
from labeldistill.training.step import TrainingStep
from labeldistill.training.stopping import Diverged, Interrupted
from labeldistill.training.sync_batchnorm import synchronised
from labeldistill.training.verified_weights import first_not_finite
from labeldistill.training.weights_file import WEIGHTS, weights_path, write_weights

Finish = Callable[[Outcome], None]


def fit(job: TrainingJob, finish: Finish = lambda outcome: None) -> Outcome | None:
    """Train `job` and write weights-raw.safetensors, weights-ema.safetensors and losses.csv into its folder.

    Killed at any time and called again it goes on from its checkpoint and ends with the same bits. `finish` is called
    once all files are written (it writes the record, whose presence means "done"); only then the checkpoint goes.

    Returns:
        How the run ended; None in the helper processes of a distributed run.

    Raises:
        InputError: bad settings for this machine, a folder in use, a full disk, a foreign checkpoint.
        Interrupted: SIGTERM, SIGUSR1 or Ctrl-C; a checkpoint is kept.
    """
    accelerator = resolve_device(job.device, job.devices)
    main = is_first()
    threads = set_threads()
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    length = run_length(job.training, len(job.items), job.processes)
    precision = usable_precision(job.training.precision, accelerator)
    session: Session | None = None
    with RunLock(job.out_dir / LOCK) if main else nullcontext() as lock, determinism(job.training.deterministic):
        try:
            session = Session(job, length, precision == "16-mixed", lock.touch if lock else lambda: None)
            diverged = _train(job, session, accelerator, precision) or _spoiled(job, session)
            if not main:
                return None
            outcome = _written(job, session, accelerator, precision, diverged)
            finish(outcome)
        except Interrupted:
            if not main:
                return None
            raise
        except BaseException as error:
            if main:
                event = "stopped" if isinstance(error, KeyboardInterrupt) else "failed"
                step = session.step if session else 0  # none: its checkpoint can't be read
                EventLog(job.out_dir / EVENTS, job.run_key).write(
                    event, step=step, steps=length.steps, reason=_reason(error)
                )
            raise
        session.events.write(outcome.status, step=session.step, steps=length.steps, reason=outcome.reason)
        remove_checkpoint(job.out_dir)
    return outcome


def _reason(error: BaseException) -> str:
    text = str(error) if isinstance(error, LabelDistillError) else f"{type(error).__name__}: {error}"
    return text[:500]


def _train(job: TrainingJob, session: Session, accelerator: Accelerator, precision: str) -> str | None:
    """Run the loop; the reason of a divergence, None if there was none."""
    try:
        with joined(accelerator, job.devices, job.nodes) as device:
            _loop(job, session, device, precision)
    except Diverged as error:
        return str(error)
    except torch.OutOfMemoryError as error:
        raise InputError("the GPU is out of memory; lower `training.batch_per_device`", key="training.batch") from error
    finally:
        session.close()
    return None


def _loop(job: TrainingJob, session: Session, device: torch.device, precision: str) -> None:
    """Every step of the run from where it stands, on this process's device."""
    if job.training.sync_batchnorm and job.processes > 1:
        synchronised(job.model, device.type)
    job.model.to(device).train()
    step = TrainingStep(job, session.length, precision)
    session.begin(step)
    batches = iter(training_batches(job, session.length, session.start, pin=device.type == "cuda"))

    def micro_batches() -> Iterator[Any]:
        for _ in range(session.length.accumulation):
            with session.usage.waiting():
                batch = next(batches)
            yield batch.to(device)

    for number in range(session.start, session.length.steps):
        session.end_step(step(number, micro_batches()))


def _spoiled(job: TrainingJob, session: Session) -> str | None:
    """Say which weights are not numbers after a training whose loss was finite to the end."""
    sets = {"raw": job.model.state_dict(), "ema": session.ema.state if session.ema is not None else {}}
    for name, state in sets.items():
        if spoiled := first_not_finite({key: value for key, value in state.items() if job.is_saved(key)}):
            return f"the {name} weights are NaN or infinite after the last step: {spoiled} first"
    return None


def _written(
    job: TrainingJob, session: Session, accelerator: Accelerator, precision: str, diverged: str | None
) -> Outcome:
    """Write weights and losses; say how it went."""
    state = job.model.state_dict()
    average = session.ema.state if session.ema is not None else state
    status = "diverged" if diverged else "finished"
    about = {"run_key": job.run_key, "stage": job.stage, "seed": job.seed, "status": status, "step": session.step}
    about |= {"settings": dict(job.settings)}
    for name, values in zip(WEIGHTS, (state, average), strict=True):
        saved = {key: value for key, value in values.items() if job.is_saved(key)}
        write_weights(weights_path(job.out_dir, name), saved, {**about, "weights": name})
    session.table.write(job.out_dir / LOSSES)
    if diverged:
        print(f"labeldistill: the run diverged: {diverged}; it stays in the table as diverged", file=sys.stderr)
    return Outcome(
        status="diverged" if diverged else "finished",
        reason=diverged,
        steps_done=session.step,
        length=session.length,
        optimisation=_optimisation(job, session, precision),
        losses=session.table.summary(),
        usage=session.usage.total(job.processes, accelerator),
        frozen=_drift(session.frozen_before, frozen_hashes(job.model, job.frozen)),
        weights={name: _file(weights_path(job.out_dir, name)) for name in WEIGHTS},
        device={
            **describe(accelerator),
            "processes": job.processes,
            "threads": torch.get_num_threads(),
            "loader_workers": usable_workers(job.training.loader_workers, job.devices),
            "hosts": session.hosts,
        },
        warnings=_warnings(job, session.length),
    )


def _file(path: Path) -> dict[str, str]:
    return {"file": path.name, "sha256": file_sha256(path)}


def _optimisation(job: TrainingJob, session: Session, precision: str) -> dict[str, Any]:
    groups = [
        {"lr": group["initial_lr"], "weight_decay": group["weight_decay"], "parameters": _count(group["params"])}
        for group in session.training_step.optimizer.param_groups
    ]
    final = lr_factor(max(session.step - 1, 0), job.training, session.length)
    return {
        "optimizer": job.training.optimizer,
        "groups": groups,
        "final_lr": [group["lr"] * final for group in groups],
        "precision": precision,
        "ema": None
        if session.ema is None
        else {"decay": session.ema.decay, "last_decay": session.ema.current_decay(), "covers": _covers(job)},
    }


def _covers(job: TrainingJob) -> str:
    return "everything, frozen teachers too" if job.released("ema_buffers") and job.frozen else "the trained part"


def _count(parameters: list[Tensor]) -> int:
    return sum(parameter.numel() for parameter in parameters)


def _drift(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {
        part: {
            "before": before.get(part),
            "after": hashes,
            "unchanged": before.get(part) == hashes,
        }
        for part, hashes in after.items()
    }


def _warnings(job: TrainingJob, length: Length) -> list[str]:
    found = []
    if length.samples < length.batch:
        found.append(f"the training split has {length.samples} key frames, fewer than a batch of {length.batch}")
    if length.batch_per_device == 1 and not (job.training.sync_batchnorm and job.processes > 1):
        found.append("BatchNorm sees one key frame at a time; larger device batches or sync_batchnorm are safer")
    return found
