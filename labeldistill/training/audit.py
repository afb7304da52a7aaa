"""The determinism audit: train the same seed twice, compare bit by bit, name the first operator that differs."""

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from labeldistill.training.determinism import determinism, set_threads
from labeldistill.training.devices import resolve_device
from labeldistill.training.job import TrainingJob
from labeldistill.training.module import build_optimizer
from labeldistill.training.order import MicroBatches
from labeldistill.training.schedule import run_length
from labeldistill.training.seeding import seed_everything

# Their results are memory that nobody has written yet, or no values at all.
_UNWRITTEN = ("aten.empty", "aten.new_empty", "aten.detach", "aten.view", "aten._unsafe_view", "aten.resize")


@dataclass(frozen=True)
class Call:
    """One operator call. `module` is the one that ran, `backward`, `optimizer`, or empty for the model itself."""

    step: int
    module: str
    operator: str
    checksum: int


@dataclass(frozen=True)
class Audit:
    """What two trainings of one seed had in common.

    Attributes:
        steps: optimiser steps of each.
        calls: operator calls compared.
        identical: every operator gave the same bits, and the weights at the end are the same.
        first: the first call whose result differs, None if there is none.
        modules: modules with a differing result, in order of appearance.
        losses: total loss of every step, of both trainings.
    """

    steps: int
    calls: int
    identical: bool
    first: Call | None
    modules: list[str]
    losses: list[tuple[float, float]]

    def sentence(self) -> str:
        """The finding in words."""
        if self.identical:
            return f"bit-identical: {self.calls} operator calls in {self.steps} steps"
        if self.first is None:
            return "the weights differ, though no operator that was seen does"
        where = f"module {self.first.module}" if self.first.module else "the model's own code"
        return f"first difference in step {self.first.step + 1}: operator {self.first.operator}, {where}"


def audit(build: Callable[[], TrainingJob], steps: int = 3) -> Audit:
    """Train what `build` makes twice for `steps` optimiser steps, in this process, under the run's determinism level.

    Args:
        build: makes the job afresh, with the same seed each time; nothing is written into its folder.
        steps: optimiser steps.

    Raises:
        InputError: as `resolve_device` and `run_length`.
    """
    set_threads()
    (calls, losses, weights), (others, other_losses, other_weights) = (_trained(build(), steps) for _ in range(2))
    different = [ours for ours, theirs in zip(calls, others, strict=False) if ours != theirs]
    modules = list(dict.fromkeys(call.module for call in different))
    same = not different and len(calls) == len(others) and weights == other_weights
    first = different[0] if different else None
    return Audit(steps, len(calls), same, first, modules, list(zip(losses, other_losses, strict=True)))


def checksum(value: Tensor) -> int:
    """A number that two tensors share only if (as good as certainly) their bits are the same."""
    flat = value.detach().contiguous().cpu()
    return zlib.crc32(flat.flatten().view(torch.uint8).numpy().tobytes()) if flat.numel() else 0


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes a checksum of everything that operators return."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[Call] = []
        self.step = 0
        self.module = ""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = str(func)
        if not name.startswith(_UNWRITTEN):
            sums = tuple(checksum(leaf) for leaf in tree_leaves(out) if isinstance(leaf, Tensor))
            if sums:
                self.calls.append(Call(self.step, self.module, name, hash(sums)))
        return out


@contextmanager
def _named_modules(model: nn.Module, recorder: _Recorder) -> Iterator[None]:
    """While it lasts, the recorder knows which module runs."""
    stack: list[str] = []

    def entered(name: str) -> Callable[..., None]:
        def hook(*unused: Any) -> None:
            stack.append(name)
            recorder.module = name

        return hook

    def left(*unused: Any) -> None:
        stack.pop()
        recorder.module = stack[-1] if stack else ""

    hooks = []
    for name, module in model.named_modules():
        if name:
            hooks += [module.register_forward_pre_hook(entered(name)), module.register_forward_hook(left)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _trained(job: TrainingJob, steps: int) -> tuple[list[Call], list[float], int]:
    device = torch.device(resolve_device(job.device))
    length = run_length(job.training, len(job.items), 1)
    model = job.model.to(device).train()
    optimizer = build_optimizer(job)
    recorder = _Recorder()
    batches = iter(MicroBatches(length, job.seed))
    losses: list[float] = []
    with determinism(job.training.deterministic), _named_modules(model, recorder):
        for step in range(min(steps, length.steps)):
            recorder.step = step
            total = 0.0
            for micro in range(length.accumulation):
                batch = job.items.collate([job.items.item(*key) for key in next(batches)]).to(device)
                seed_everything(job.seed, "step", step, micro, 0)
                with recorder:
                    loss = torch.stack(list(model.losses(batch).values())).sum()  # type: ignore[operator]
                    recorder.module = "backward"
                    torch.autograd.backward(loss / length.accumulation)
                    recorder.module = ""
                total += float(loss.detach())
            recorder.module = "optimizer"
            with recorder:
                optimizer.step()
            optimizer.zero_grad()
            recorder.module = ""
            losses.append(total)
    return recorder.calls, losses, hash(tuple(checksum(value) for value in model.state_dict().values()))
