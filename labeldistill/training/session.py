"""The bookkeeping around a training loop: restoring, losses, heartbeats, checkpoints, stopping."""

import math
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from labeldistill.config.run_files import EVENTS
from labeldistill.errors import InputError
from labeldistill.ops.distributed import reduce_max, world_size
from labeldistill.training.checkpoint import load_checkpoint, save_checkpoint
from labeldistill.training.curves import Curves
from labeldistill.training.ema import Ema
from labeldistill.training.event_log import EventLog
from labeldistill.training.job import TrainingJob
from labeldistill.training.loss_table import LossTable
from labeldistill.training.progress import StepBar
from labeldistill.training.schedule import Length, lr_factor
from labeldistill.training.state_hash import frozen_hashes
from labeldistill.training.step import StepLosses, TrainingStep
from labeldistill.training.stopping import Diverged, Interrupted, StopRequest
from labeldistill.training.usage import Usage
from labeldistill.training.watchdog import Watchdog

READ_EVERY = 10
"""On a GPU losses are read back every so many steps, so that the loop does not wait for each of them."""
SKIPPED_IN_A_ROW = 50
"""Under fp16 a step whose loss is not finite is skipped; so many of them one after another are a divergence."""


def _gathered(value: Any) -> list[Any]:
    """What every process gives, each value once, in order."""
    values = [value] * world_size()
    if world_size() > 1:
        dist.all_gather_object(values, value)
    return sorted(set(values))


class Session:
    """One process's part of a run, from its start or its checkpoint to the end.

    `step` counts finished optimiser steps. Losses of a step are the mean over its micro-batches and processes.
    `heartbeat` is called every few seconds by the process that writes.
    """

    def __init__(
        self,
        job: TrainingJob,
        length: Length,
        scaled: bool = False,
        heartbeat: Callable[[], None] = lambda: None,
    ) -> None:
        """Start one process's part of a run, from its checkpoint if there is one.

        Args:
            job: the run.
            length: size of the run.
            scaled: whether losses are scaled (fp16), so that single steps may be skipped.
            heartbeat: called every few seconds by the process that writes.
        """
        self.job, self.length = job, length
        self.scaled, self._heartbeat = scaled, heartbeat
        self.stop = StopRequest()
        self.watchdog = Watchdog(job.out_dir, scaled=scaled)
        self.events = EventLog(job.out_dir / EVENTS, job.run_key)
        self.table = LossTable()
        self.frozen_before: dict[str, Any] = {}
        self._saved = load_checkpoint(job.out_dir, job.run_key)
        self.start = self.step = int(self._saved["step"]) if self._saved else 0
        self.usage = Usage(self._saved["usage"] if self._saved else None)
        self._unread: list[tuple[list[float], Tensor]] = []
        self._skipped = 0
        self._bar: StepBar | None = None
        self._curves: Curves | None = None
        self._clock = time.monotonic()

    @property
    def is_main(self) -> bool:
        """Whether this process writes the files."""
        return not dist.is_initialized() or dist.get_rank() == 0

    @property
    def ema(self) -> Ema | None:
        """The run's moving average, once it has begun."""
        return self.training_step.ema

    # -- beginning ----------------------------------------------------------------------------------------------------

    def begin(self, step: TrainingStep) -> None:
        """Bring the step's model, optimiser, EMA and gradient scale to where the checkpoint left them.

        From here on a signal ends the run after the step under way, with a checkpoint.

        Raises:
            InputError: the processes of the run see different checkpoints.
        """
        self.training_step = step
        if self._saved is None:
            self.frozen_before = frozen_hashes(self.job.model, self.job.frozen)
        else:
            step.load_state_dict(self._saved)
            self.table.load_state_dict(self._saved["losses"])
            self.frozen_before = self._saved["frozen_before"]
            self._saved = None
        self.hosts = _gathered(socket.gethostname())
        self._agree()
        self.watchdog.alive()
        self.stop.install()  # whoever reads the first event may send a signal
        if self.is_main:
            self._announce()

    def _agree(self) -> None:
        """Machines that do not see the same folder would go on from different steps, and average that."""
        found = _gathered((self.job.run_key, self.start))
        if len(found) > 1:
            told = ", ".join(f"run {key} after step {step}" for key, step in found)
            raise InputError(f"{', '.join(self.hosts)} see different states: {told}", file=self.job.out_dir)

    def _announce(self) -> None:
        self.events.write(
            "resumed" if self.start else "started",
            step=self.start,
            steps=self.length.steps,
            epochs=self.length.epochs,
            stage=self.job.stage,
            seed=self.job.seed,
        )
        self._bar = StepBar(f"{self.job.stage} seed {self.job.seed}", self.length.steps, self.start, self.job.progress)
        self._curves = Curves(self.job.out_dir, self.start)
        self._clock = time.monotonic()

    # -- one step -----------------------------------------------------------------------------------------------------

    def end_step(self, losses: StepLosses) -> None:
        """After the optimiser's step: losses, heartbeat, checkpoint.

        Raises:
            Diverged: the loss is not finite, or the watchdog ends the run.
            Interrupted: a signal asked to stop; the checkpoint is written.
        """
        row = self._row_start()
        self.step += 1
        self.table.terms = self.table.terms or losses.terms
        self._unread.append((row, self._over_all(losses)))
        self.watchdog.alive()
        last = self.step == self.length.steps
        gate = self.step <= self.job.training.finite_gate_steps
        on_cpu = self.training_step.device.type == "cpu"
        if last or gate or on_cpu or self.step % READ_EVERY == 0 or self._checkpoint_due():
            self._read()
        if self._checkpoint_due() and not last:
            self.watchdog.weights(self.job.model.state_dict(), self.step)
            self.save()
        if self._bar is not None:
            self._bar.advance(self.table.rows[-1][3] if self.table.rows else None)

    def _checkpoint_due(self) -> bool:
        return self.step % self.job.training.checkpoint_every_steps == 0

    def _row_start(self) -> list[float]:
        base = self.job.training.lr * lr_factor(self.step, self.job.training, self.length)
        return [float(self.step + 1), float(self.step // self.length.steps_per_epoch), base]

    def _over_all(self, losses: StepLosses) -> Tensor:
        """Total, terms, gradient norm, number of the signal that asked to stop; over all processes.

        Where processes got different signals, all of them stop by the one of the largest number: SIGTERM before SIGUSR1
        before SIGINT.
        """
        means = losses.values
        if (size := world_size()) > 1:
            dist.all_reduce(means)
            means = means / size
        asked = reduce_max(means.new_tensor(float(self.stop.signum)))
        return torch.cat([means, losses.gradient_norm.to(means.device)[None], asked[None]])

    # -- reading back -------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        asked = 0.0
        for start, values in self._unread:
            row = [*start, *values[:-1].tolist()]
            asked = max(asked, float(values[-1]))
            self.table.add(row)
            self._check_finite(row[3], int(row[0]))
            self.watchdog.look(self.table)
        self._unread.clear()
        self._watch()
        if asked and self.step < self.length.steps:
            self._give_way(int(asked))

    def _check_finite(self, total: float, step: int) -> None:
        if math.isfinite(total):
            self._skipped = 0
            return
        self._skipped += 1
        tolerated = self.scaled and step > self.job.training.finite_gate_steps and self._skipped < SKIPPED_IN_A_ROW
        if not tolerated:
            terms = dict(zip(self.table.columns, self.table.rows[-1], strict=True))
            bad = [name for name in self.table.terms if not math.isfinite(terms[name])]
            raise Diverged(f"the loss is {total} at step {step} (terms: {', '.join(bad) or 'only their sum'})")

    def _give_way(self, signum: int) -> None:
        self.save()
        if self.is_main:
            self.events.write("stopped", step=self.step, steps=self.length.steps, signal=signum)
        raise Interrupted(signum, self.step, self.length.steps)

    def _watch(self) -> None:
        if self._curves is None or not self.table.rows:
            return
        row = dict(zip(self.table.columns, self.table.rows[-1], strict=True))
        self._curves.add(self.step, {name: value for name, value in row.items() if name != "step"})
        if not self.events.beat_due():
            return
        self._heartbeat()
        done = self.step - self.start
        elapsed = time.monotonic() - self._clock
        per_step = elapsed / done
        self.events.write(
            "progress",
            step=self.step,
            steps=self.length.steps,
            epoch=int(row["epoch"]),
            epochs=self.length.epochs,
            loss=row["total"] if math.isfinite(row["total"]) else str(row["total"]),
            eta_s=round(per_step * (self.length.steps - self.step), 1),
            samples_per_s=round(self.length.batch / per_step, 3) if per_step else None,
            waited_percent=round(100 * self.usage.waited_s / elapsed) if elapsed else 0,
        )

    # -- ending -------------------------------------------------------------------------------------------------------

    def save(self) -> None:
        """Write the checkpoint (main process)."""
        if not self.is_main:
            return
        save_checkpoint(
            self.job.out_dir,
            {
                "run_key": self.job.run_key,
                "step": self.step,
                "epoch": self.step // self.length.steps_per_epoch,
                **self.training_step.state_dict(),
                "losses": self.table.state_dict(),
                "usage": self.usage.total(world_size(), self.training_step.device.type),
                "frozen_before": self.frozen_before,
            },
        )

    def close(self) -> None:
        """Give the terminal and the curves back."""
        self.watchdog.stop()
        if self._bar is not None:
            self._bar.close()
        if self._curves is not None:
            self._curves.close()
        self.stop.restore()
        sys.stderr.flush()
