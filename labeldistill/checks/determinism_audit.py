"""The determinism audit: train the same seed twice, compare bit by bit, name the first operator that differs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from labeldistill.checks.recorder import Call, OperatorRecorder, checksum, named_modules
from labeldistill.checks.short_run import short_run
from labeldistill.training.determinism import set_threads
from labeldistill.training.job import TrainingJob


@dataclass(frozen=True)
class ModuleAudit:
    """One module in both trainings.

    Attributes:
        module: name; empty for the model's own code and the optimiser.
        forward: operator calls compared in the forward pass; `forward_differ`: those with different bits.
        backward: likewise in its backward pass.
        state_differs: whether one of its own parameters or buffers ends with different bits.
    """

    module: str
    forward: int = 0
    forward_differ: int = 0
    backward: int = 0
    backward_differ: int = 0
    state_differs: bool = False

    @property
    def identical(self) -> bool:
        """Whether nothing in it differs."""
        return not (self.forward_differ or self.backward_differ or self.state_differs)


@dataclass(frozen=True)
class Audit:
    """Comparison of two trainings with one seed.

    Attributes:
        steps: optimiser steps per training.
        calls: operator calls compared.
        identical: every operator gave the same bits, and the weights at the end are the same.
        first: the first call whose result differs (or that the other training did not make); None if there is none.
        other: the call that the second training made instead, if it was a different one.
        by_module: every module; those that differ come first, in the order in which they began to differ.
        losses: total loss per step of both trainings.
    """

    steps: int
    calls: int
    identical: bool
    first: Call | None
    other: Call | None
    by_module: list[ModuleAudit]
    losses: list[tuple[float, float]]

    @property
    def modules(self) -> list[str]:
        """Modules that differ, in the order in which they began to differ."""
        return [row.module for row in self.by_module if not row.identical]

    def sentence(self) -> str:
        """The finding in words."""
        if self.identical:
            return f"bit-identical: {self.calls} operator calls in {self.steps} steps"
        if self.first is None:
            return "the weights differ, although no recorded operator does"
        found = f"first difference in step {self.first.step + 1}: {self.first}"
        return found if self.other is None else f"{found}; the other training ran {self.other}"


def audit(build: Callable[[], TrainingJob], steps: int = 3) -> Audit:
    """Train the job that `build` returns twice for `steps` optimiser steps, in this process, at its determinism level.

    Args:
        build: returns a new job with the same seed each time; nothing is written into its folder.
        steps: optimiser steps.

    Raises:
        InputError: as `resolve_device` and `run_length`.
    """
    set_threads()
    ours, theirs = (_trained(build(), steps) for _ in range(2))
    compared, first, other = _compared(ours.calls, theirs.calls)
    rows = _by_module(compared, ours.state, theirs.state)
    same = first is None and all(row.identical for row in rows)
    losses = list(zip(ours.losses, theirs.losses, strict=True))
    return Audit(len(losses), len(compared), same, first, other, rows, losses)


def _compared(ours: Sequence[Call], theirs: Sequence[Call]) -> tuple[list[tuple[Call, bool]], Call | None, Call | None]:
    """Pairs of calls and whether they differ, up to where the trainings diverge; and the first difference."""
    pairs: list[tuple[Call, bool]] = []
    first: Call | None = None
    for a, b in zip(ours, theirs, strict=False):
        if a.place != b.place:
            return pairs, first or a, None if first else b
        pairs.append((a, a != b))
        first = first or (a if a != b else None)
    longer = [*ours[len(pairs) :], *theirs[len(pairs) :]]
    return pairs, first or next(iter(longer), None), None


def _by_module(
    pairs: Sequence[tuple[Call, bool]], ours: Mapping[str, int], theirs: Mapping[str, int]
) -> list[ModuleAudit]:
    counts: dict[str, dict[str, int]] = {}
    for call, differs in pairs:
        count = counts.setdefault(call.module, {})
        phase = "backward" if call.phase == "backward" else "forward"
        count[phase] = count.get(phase, 0) + 1
        count[f"{phase}_differ"] = count.get(f"{phase}_differ", 0) + differs
    changed = {name.rpartition(".")[0] for name, value in ours.items() if theirs[name] != value}
    order = [*(call.module for call, differs in pairs if differs), *counts, *sorted(changed)]
    return [ModuleAudit(name, **counts.get(name, {}), state_differs=name in changed) for name in dict.fromkeys(order)]


@dataclass(frozen=True)
class _Training:
    calls: list[Call]
    losses: list[float]
    state: dict[str, int]


def _trained(job: TrainingJob, steps: int) -> _Training:
    recorder = OperatorRecorder()
    with named_modules(job.model, recorder):
        losses = short_run(job, steps, recorder)
    return _Training(recorder.calls, losses, {name: checksum(v) for name, v in job.model.state_dict().items()})
