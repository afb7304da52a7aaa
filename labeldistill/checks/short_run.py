"""A few optimiser steps without Lightning, event log or files: what audits train."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol

import torch

from labeldistill.training.determinism import determinism
from labeldistill.training.devices import resolve_device, usable_precision
from labeldistill.training.job import TrainingJob
from labeldistill.training.module import build_optimizer
from labeldistill.training.order import MicroBatches
from labeldistill.training.schedule import run_length
from labeldistill.training.seeding import seed_everything

Phase = Literal["forward", "backward", "optimizer"]


class Watcher(Protocol):
    """Looks on while a job trains."""

    def phase(self, step: int, phase: Phase) -> AbstractContextManager[object]:
        """What surrounds one phase of optimiser step `step` (from 0)."""


class _Nobody:
    def phase(self, step: int, phase: Phase) -> AbstractContextManager[object]:
        return nullcontext()


def short_run(job: TrainingJob, steps: int, watcher: Watcher | None = None) -> list[float]:
    """Train a job's model in place for `steps` optimiser steps, or for its whole length if that is less.

    Order of samples, randomness, mixed precision and clipping are training's; the learning rate stays at its start and
    gradients are not scaled, for nobody keeps these weights.

    Returns:
        Total loss of every step, the sum over its micro-batches.

    Raises:
        InputError: as `resolve_device` and `run_length`.
    """
    watcher = watcher or _Nobody()
    training = job.training
    accelerator = resolve_device(job.device)
    precision = usable_precision(training.precision, accelerator)
    half = torch.float16 if precision.startswith("16") else torch.bfloat16
    length = run_length(training, len(job.items), 1)
    model = job.model.to(accelerator).train()
    optimizer = build_optimizer(job)
    batches = iter(MicroBatches(length, job.seed, same_draws=job.released("device_draws")))
    totals: list[float] = []
    with determinism(training.deterministic):
        for step in range(min(steps, length.steps)):
            total = 0.0
            for micro in range(length.accumulation):
                batch = job.items.collate([job.items.item(*key) for key in next(batches)]).to(torch.device(accelerator))
                seed_everything(job.seed, "step", step, micro, 0)
                autocast = torch.autocast(accelerator, dtype=half, enabled=precision.endswith("mixed"))
                with watcher.phase(step, "forward"), autocast:
                    loss = torch.stack(list(model.losses(batch).values())).sum()  # type: ignore[operator]
                with watcher.phase(step, "backward"):
                    torch.autograd.backward(loss / length.accumulation)
                total += float(loss.detach())
            with watcher.phase(step, "optimizer"):
                if training.gradient_clip_norm is not None:
                    torch.nn.utils.clip_grad_norm_(model.parameters(), training.gradient_clip_norm)
                optimizer.step()
            optimizer.zero_grad()
            totals.append(total)
    return totals
