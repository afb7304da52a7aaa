"""One optimiser step, the same for training, short runs, audits and the benchmark."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from labeldistill.ops.distributed import counts_of_step
from labeldistill.training.ema import NO_RAMP, Ema
from labeldistill.training.job import TrainingJob
from labeldistill.training.optimizer import build_optimizer
from labeldistill.training.schedule import Length, lr_factor
from labeldistill.training.seeding import seed_everything

Phase = Literal["forward", "backward", "optimizer"]
"""Forward pass and weighted terms; backward pass; clipping, optimiser and EMA."""


class Watcher(Protocol):
    """Looks on while a job trains."""

    def phase(self, step: int, phase: Phase) -> AbstractContextManager[object]:
        """What surrounds one phase of optimiser step `step` (from 0)."""


class _Nobody:
    def phase(self, step: int, phase: Phase) -> AbstractContextManager[object]:
        return nullcontext()


@dataclass(frozen=True)
class StepLosses:
    """What one step of this process found; tensors on its device, so that reading them waits for the device.

    Attributes:
        terms: names of the weighted terms.
        values: [1 + terms] their sum, then each; means over the micro-batches.
        gradient_norm: [] before clipping, over all processes.
    """

    terms: tuple[str, ...]
    values: Tensor
    gradient_norm: Tensor


class TrainingStep:
    """Forward, weighted terms, backward, clipping, optimiser and EMA of a job whose model is on its device.

    A plain class on torch's own autocast, GradScaler and DistributedDataParallel rather than Lightning Fabric, which
    offers those three behind a wrapper that casts a batch's points and boxes to half precision, and costs each process
    2.8 s of CPU to import.

    Args:
        job: its model is trained in place.
        length: its length on this number of processes.
        precision: 32-true, 16-mixed or bf16-mixed, as `usable_precision` allows on this device.
        watcher: looks on.
    """

    def __init__(self, job: TrainingJob, length: Length, precision: str, watcher: Watcher | None = None) -> None:
        self.job, self.length = job, length
        self.device = next(job.model.parameters()).device
        self.optimizer = build_optimizer(job)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=precision == "16-mixed")
        self.ema = _ema(job)
        self._live = job.model.state_dict()  # aliases: training changes them in place
        self._half = torch.float16 if precision.startswith("16") else torch.bfloat16
        self._mixed = precision.endswith("mixed")
        self._watcher = watcher or _Nobody()
        self._rank = dist.get_rank() if dist.is_initialized() else 0
        self._losses: nn.Module = _Losses(job.model)
        if dist.is_initialized():
            self._losses = _distributed(self._losses, self.device)

    def __call__(self, number: int, batches: Iterable[Any]) -> StepLosses:
        """Carry out optimiser step `number`, counted from 0; its randomness follows from (seed, number, rank) alone.

        Args:
            number: it sets the learning rate.
            batches: the step's micro-batches, on the model's device.
        """
        self._set_lr(number)
        self.optimizer.zero_grad()
        found: list[Tensor] = []
        terms: tuple[str, ...] = ()
        batches, counts = self._counted(batches)
        for micro, batch in enumerate(batches):
            seed_everything(self.job.seed, "step", number, micro, self._rank)
            with self._synchronised(last=micro + 1 == self.length.accumulation):
                with self._watcher.phase(number, "forward"), self._autocast(), counts_of_step(counts):
                    total, losses = self._losses(batch)
                with self._watcher.phase(number, "backward"):
                    self.scaler.scale(total / self.length.accumulation).backward()
            terms = tuple(losses)
            found.append(torch.stack([total.detach().float(), *(value.float() for value in losses.values())]))
        with self._watcher.phase(number, "optimizer"):
            norm = self._update()
        return StepLosses(terms, sum(found[1:], found[0]) / self.length.accumulation, norm)

    def _counted(self, batches: Iterable[Any]) -> tuple[Iterable[Any], Tensor | None]:
        """The micro-batches, and the mean of their numbers of positives where their losses share it.

        In the release the devices of a step share it; micro-batches in their place do so too, where the model can count
        before it predicts. They are then all on the device at once.
        """
        count = getattr(self.job.model, "positives", None)
        if count is None or self.length.accumulation == 1 or not self.job.released("device_normalisation"):
            return batches, None
        held = list(batches)
        return held, torch.stack([count(batch) for batch in held]).mean(0)

    def _set_lr(self, number: int) -> None:
        factor = lr_factor(number, self.job.training, self.length)
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=self._half, enabled=self._mixed)

    def _synchronised(self, *, last: bool) -> AbstractContextManager[object]:
        """Gradients are averaged over the processes once a step, with its last micro-batch."""
        if last or not isinstance(self._losses, DistributedDataParallel):
            return nullcontext()
        return self._losses.no_sync()

    def _update(self) -> Tensor:
        """Clip, step and average; the gradient's norm before clipping."""
        self.scaler.unscale_(self.optimizer)
        parameters = [p for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None]
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
        if self.job.training.gradient_clip_norm is not None:
            torch.nn.utils.clip_grads_with_norm_(parameters, self.job.training.gradient_clip_norm, norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.ema is not None:
            self.ema.update(self._live)
        return norm.detach().float()

    def state_dict(self) -> dict[str, Any]:
        """Model, optimiser, gradient scale and EMA, for a checkpoint."""
        return {
            "model": self.job.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "precision": self.scaler.state_dict(),
            "ema": None if self.ema is None else self.ema.state_dict(),
        }

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.job.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.scaler.load_state_dict(saved["precision"])
        if self.ema is not None:
            self.ema.load_state_dict(saved["ema"])


class _Losses(nn.Module):
    """A model's weighted terms as a forward pass, which is what DistributedDataParallel synchronises."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """Sum of the terms with its graph, and each term without."""
        losses: dict[str, Tensor] = self.model.losses(batch)  # type: ignore[operator]
        total = torch.stack(list(losses.values())).sum()
        return total, {term: value.detach() for term, value in losses.items()}


def _distributed(losses: nn.Module, device: torch.device) -> DistributedDataParallel:
    return DistributedDataParallel(
        losses,
        device_ids=[device.index] if device.type == "cuda" else None,
        find_unused_parameters=True,  # as released: a variant may leave parameters without gradient
    )


def _ema(job: TrainingJob) -> Ema | None:
    """The moving average that the run asks for; released, its ramp is dead and it covers the frozen teachers too."""
    training = job.training
    if training.ema_decay is None:
        return None
    return Ema(
        job.model.state_dict(),
        decay=training.ema_decay,
        warmup_steps=training.ema_warmup_steps,
        updates=NO_RAMP if job.released("ema_warmup") else 0,
        include=(lambda name: True) if job.released("ema_buffers") else job.is_saved,
    )
