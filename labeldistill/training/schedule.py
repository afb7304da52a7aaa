"""The length of a run and the learning rate of each step: pure functions of the step."""

import math
from dataclasses import dataclass

from labeldistill.config.training import TrainingSettings
from labeldistill.errors import InputError


@dataclass(frozen=True)
class Length:
    """The size of a run in samples, steps and micro-batches.

    Attributes:
        samples: key frames of the training split.
        steps: optimiser steps of the whole run.
        steps_per_epoch: optimiser steps of an epoch (an incomplete last batch is dropped, as in the release).
        batch: key frames per optimiser step over all devices.
        batch_per_device: key frames per device and forward pass.
        accumulation: micro-batches per optimiser step.
    """

    samples: int
    steps: int
    steps_per_epoch: int
    batch: int
    batch_per_device: int
    accumulation: int

    @property
    def epochs(self) -> int:
        """Number of epochs, counting a partial last one."""
        return math.ceil(self.steps / self.steps_per_epoch)


def run_length(training: TrainingSettings, samples: int, devices: int) -> Length:
    """The length of a run; the global batch is that of the settings for any number of devices.

    Raises:
        InputError: no training samples; a global batch that the devices can't share evenly.
    """
    if samples < 1:
        raise InputError("the training split holds no key frame", key="data.splits.train")
    per_device = training.batch_per_device or max(1, training.batch // devices)
    if training.batch % (per_device * devices):
        raise InputError(
            f"a global batch of {training.batch} is not a multiple of {devices} device(s) x {per_device} key frames",
            key="training.batch_per_device" if training.batch_per_device else "training.batch",
        )
    per_epoch = max(1, samples // training.batch)
    steps = training.steps if training.steps is not None else (training.epochs or 1) * per_epoch
    accumulation = training.batch // (per_device * devices)
    return Length(samples, steps, per_epoch, training.batch, per_device, accumulation)


def lr_factor(step: int, training: TrainingSettings, length: Length) -> float:
    """Factor on every group's learning rate during optimiser step `step` (from 0).

    multistep: 0.1 per milestone epoch that has ended. cosine: from 1 to 0 over the run. In the first `warmup_steps`
    steps, it is also multiplied by a factor that rises linearly from 1/warmup_steps to 1.
    """
    if training.schedule == "cosine":
        factor = 0.5 * (1 + math.cos(math.pi * min(step, length.steps) / length.steps))
    else:
        epoch = step // length.steps_per_epoch
        factor = 0.1 ** sum(epoch >= milestone for milestone in training.milestones_epochs)
    if step < training.warmup_steps:
        factor *= (step + 1) / training.warmup_steps
    return factor
