"""The teacher audit: how some steps of student training change weights and buffers of the frozen networks."""

from dataclasses import dataclass

import torch
from torch import Tensor

from labeldistill.checks.short_run import short_run
from labeldistill.training.determinism import set_threads
from labeldistill.training.job import TrainingJob
from labeldistill.training.state_hash import frozen_hashes

_TINY = 1e-12


@dataclass(frozen=True)
class FrozenPart:
    """A network that a student run holds but must not train.

    Attributes:
        part: `centerpoint` (the LiDAR teacher) or `label_encoder`.
        before: SHA-256 of its weights and of its buffers (BatchNorm statistics) before training.
        after: the same afterwards.
        buffers: number of its floating-point buffers.
        drifted: number of them that changed.
        largest_drift: largest change of a buffer, relative to its norm before (1 for a buffer of zeros).
    """

    part: str
    before: dict[str, str]
    after: dict[str, str]
    buffers: int
    drifted: int
    largest_drift: float

    @property
    def weights_unchanged(self) -> bool:
        """Whether its parameters hold the same bits."""
        return self.before["weights"] == self.after["weights"]

    @property
    def buffers_unchanged(self) -> bool:
        """Whether its buffers hold the same bits."""
        return self.before["buffers"] == self.after["buffers"]


def teacher_audit(job: TrainingJob, steps: int = 2) -> list[FrozenPart]:
    """Train a student job in place for some optimiser steps and compare its frozen parts before and after.

    Args:
        job: a student run; without teachers it has no frozen part.
        steps: optimiser steps.

    Raises:
        InputError: as `short_run`.
    """
    set_threads()
    model = job.model
    before = frozen_hashes(model, job.frozen)
    statistics = {name: _buffers(job, name) for name in before}
    short_run(job, steps)
    after = frozen_hashes(model, job.frozen)
    found = []
    for part, hashes in before.items():
        drifts = _drifts(statistics[part], _buffers(job, part))
        changed = [drift for drift in drifts if drift > 0]
        largest = max(drifts, default=0.0)
        found.append(FrozenPart(part, hashes, after[part], len(drifts), len(changed), largest))
    return found


def _buffers(job: TrainingJob, part: str) -> dict[str, Tensor]:
    buffers = job.model.get_submodule(part).named_buffers()
    return {name: value.detach().cpu().clone() for name, value in buffers if value.is_floating_point()}


def _drifts(before: dict[str, Tensor], after: dict[str, Tensor]) -> list[float]:
    """Relative change of every buffer; a change to or from a value that is not finite counts as infinite."""
    drifts = []
    for name, old in before.items():
        if torch.equal(old, after[name]):
            drifts.append(0.0)
            continue
        norm = old.double().norm()
        change = float((after[name].double() - old.double()).norm() / (norm if norm > _TINY else 1.0))
        drifts.append(change if change == change else float("inf"))
    return drifts
