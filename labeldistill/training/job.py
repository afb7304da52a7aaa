"""The input of a training loop, and what it reports when it is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

from torch import nn

from labeldistill.config.methods import Stage
from labeldistill.config.study import RunSettings
from labeldistill.config.switches import is_released
from labeldistill.config.training import TrainingSettings
from labeldistill.training.schedule import Length

Device = str
"""`auto`, `cpu` or `cuda`; `devices.resolve_device` refuses anything else."""


@dataclass(frozen=True)
class LocatedRun:
    """One run: where it is stored and what it reads.

    Attributes:
        settings: resolved settings.
        key: run key; artefacts of another key are refused.
        folder: folder of its artefacts.
        infos: folder of the columnar index.
        parents: stage -> folder of the run whose weights this one starts from.
        weights: which weights it has; an adopted checkpoint has one kind.
    """

    settings: RunSettings
    key: str
    folder: Path
    infos: Path
    parents: Mapping[Stage, Path] = field(default_factory=dict)
    weights: tuple[Literal["raw", "ema"], ...] = ("raw", "ema")


@dataclass(frozen=True)
class Execution:
    """The hardware that a run uses; nothing here changes its numbers on devices of one kind.

    Attributes:
        device: auto uses a GPU if there is one.
        devices: processes on each machine, one per device.
        nodes: number of machines; the rank of this one is NODE_RANK, the first is at MASTER_ADDR and MASTER_PORT.
        progress: show a progress bar; None: if stderr is a terminal.
    """

    device: Device = "auto"
    devices: int = 1
    nodes: int = 1
    progress: bool | None = None


class TrainingItems(Protocol):
    """The training split; the augmentation of an item depends only on (seed, epoch, index)."""

    def __len__(self) -> int:
        """Number of key frames."""

    def item(self, epoch: int, index: int, draw: int | None = None) -> Any:
        """One key frame as augmented in `epoch`, with its own draws or those of key frame `draw`."""

    def collate(self, items: Sequence[Any]) -> Any:
        """Combine items into one batch, which has a method `to(device)`."""


@dataclass(frozen=True)
class TrainingJob:
    """One run, ready to be trained.

    Attributes:
        run_key: written into every artefact.
        stage: teacher, label-encoder or student.
        seed: seed of order, augmentation and dropout.
        training: length, optimiser, schedule and so on.
        model: has `losses(batch) -> dict of weighted scalars`.
        items: the training split.
        out_dir: run folder.
        settings: the resolved settings as JSON values, for the weights' metadata.
        switches: the switches that act on the stage.
        frozen: prefixes of state names that are neither trained nor saved (teachers inside a student).
        device: auto uses a GPU if there is one.
        devices: processes on each machine, one per device.
        nodes: number of machines; the rank of this one is NODE_RANK, the first is at MASTER_ADDR and MASTER_PORT.
        progress: show a progress bar; None: if stderr is a terminal.
    """

    run_key: str
    stage: Stage
    seed: int
    training: TrainingSettings
    model: nn.Module
    items: TrainingItems
    out_dir: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    switches: Mapping[str, str] = field(default_factory=dict)
    frozen: tuple[str, ...] = ()
    device: Device = "auto"
    devices: int = 1
    nodes: int = 1
    progress: bool | None = None

    @property
    def processes(self) -> int:
        """Number of processes on all machines."""
        return self.devices * self.nodes

    def released(self, switch: str) -> bool:
        """Whether `switch` has its released value in this run (see `switches.is_released`)."""
        return is_released(self.switches, switch)

    def is_trained(self, name: str) -> bool:
        """Whether a name of the model's state belongs to the trained part."""
        return not (self.frozen and name.startswith(self.frozen))

    def is_saved(self, name: str) -> bool:
        """Whether a name of the model's state is saved: the trained part, and some buffers of a label encoder.

        A label encoder is decoded through its teacher's neck and head, whose BatchNorm statistics drift during its
        training under the released switch `teacher_mode`; the drifted buffers are saved with it.
        """
        return self.is_trained(name) or (self.stage == "label-encoder" and name in self._buffers)

    @cached_property
    def _buffers(self) -> set[str]:
        return {name for name, _ in self.model.named_buffers()}


@dataclass(frozen=True)
class Outcome:
    """How a run ended, in JSON values only; the run record is built from it.

    Attributes:
        status: finished, or diverged (the loss was not finite).
        reason: why it diverged, in words; None when finished.
        steps_done: number of optimiser steps.
        length: the length that was asked for.
        optimisation: groups, effective learning rates, precision, EMA.
        losses: mean of every loss over the first and the last steps.
        usage: seconds, device-hours, memory, energy over all sessions of the run.
        frozen: hash of weights and of buffers of every frozen part, before and after.
        weights: file names and SHA-256 of raw and EMA weights.
        device: name of the device, and the number of processes.
        warnings: caveats for readers of the numbers.
    """

    status: Literal["finished", "diverged"]
    reason: str | None
    steps_done: int
    length: Length
    optimisation: dict[str, Any]
    losses: dict[str, Any]
    usage: dict[str, Any]
    frozen: dict[str, Any]
    weights: dict[str, Any]
    device: dict[str, Any]
    warnings: list[str]
