"""The watchdog of a training: it ends a run that can give nothing any more, with the reason in words.

A loss that is not finite is the session's own matter (fp16 may skip a step); here is what goes wrong more slowly. The
run stops as one that diverged: weights and losses are written as they are, and its record says why.
"""

import csv
import math
import signal
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from types import FrameType

from torch import Tensor

from labeldistill.config.run_files import LOSSES
from labeldistill.training.loss_table import LossTable
from labeldistill.training.stopping import Diverged
from labeldistill.training.verified_weights import first_not_finite

STUCK_S = 3600
"""Without a finished step for so long a loader hangs: a dead disk, a dead worker, a lock."""
WINDOW = 20
"""Steps whose median is looked at: single steps jump."""
LOSS_GROWS, NORM_GROWS = 100.0, 10_000.0
"""Against the smallest median so far. Losses and gradients of sound runs stay far below."""
LEARNS_BY = 1000
"""After so many steps a loss must have fallen."""
BAND = 3.0
"""A seed's loss then is at most so many times that of the worst finished seed of its unit."""


class Watchdog:
    """Looks at every step of one run.

    Args:
        folder: of the run; finished seeds of the same unit lie beside it (`../../seed-*/*/losses.csv`).
        scaled: fp16 with a loss scale, under which single gradients overflow by design.
        stuck_s: seconds without a step.
    """

    def __init__(self, folder: Path, *, scaled: bool, stuck_s: float = STUCK_S) -> None:
        self.folder, self.scaled, self.stuck_s = folder, scaled, stuck_s
        self._least: dict[str, float] = {}
        self._former: object = None
        self._left_s = 0.0

    # -- a loop that stands still --------------------------------------------------------------------------------------

    def alive(self) -> None:
        """A step begins, or one is done: the alarm is set anew. Signals reach the main thread alone."""
        if threading.current_thread() is not threading.main_thread():
            return
        first = self._former is None
        if first:
            self._former = signal.signal(signal.SIGALRM, self._stuck) or signal.SIG_DFL
        left, _ = signal.setitimer(signal.ITIMER_REAL, self.stuck_s)
        self._left_s = left if first else self._left_s

    def stop(self) -> None:
        """Take the alarm away, and give back the one that was there before."""
        if self._former is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._former)  # type: ignore[arg-type]
            signal.setitimer(signal.ITIMER_REAL, self._left_s)
            self._former = None

    def _stuck(self, signum: int, frame: FrameType | None) -> None:
        raise Diverged(
            f"no step was finished for {self.stuck_s:g} s: the loader is stuck "
            f"({f'{frame.f_code.co_filename}:{frame.f_lineno}' if frame else 'nobody knows where'})"
        )

    # -- a loop that goes wrong ----------------------------------------------------------------------------------------

    def look(self, table: LossTable) -> None:
        """Look at the newest row of the table.

        Raises:
            Diverged: an exploding loss or gradient norm, a norm that is not finite, or nothing learnt.
        """
        step, norm = len(table.rows), table.rows[-1][-1]
        if not self.scaled and not math.isfinite(norm):
            raise Diverged(f"the gradient norm is {norm} at step {step}")
        if step % WINDOW == 0:
            self._grows("loss", [row[3] for row in table.rows[-WINDOW:]], LOSS_GROWS, step)
            self._grows("gradient norm", [row[-1] for row in table.rows[-WINDOW:]], NORM_GROWS, step)
        if step == LEARNS_BY:
            self._learns([row[3] for row in table.rows], step)

    def weights(self, state: Mapping[str, Tensor], step: int) -> None:
        """Look at the weights before a checkpoint keeps them.

        Raises:
            Diverged: one is NaN or infinite.
        """
        if (name := first_not_finite(state)) is not None:
            raise Diverged(f"weights are NaN or infinite after step {step}: {name} first")

    def _grows(self, what: str, values: Sequence[float], most: float, step: int) -> None:
        now = median(value if math.isfinite(value) else math.inf for value in values)
        least = self._least.get(what)
        if least is not None and now > most * max(least, 1e-9):
            raise Diverged(f"the {what} explodes: {now:.3g} around step {step}, {least:.3g} before")
        self._least[what] = now if least is None else min(least, now)

    def _learns(self, totals: Sequence[float], step: int) -> None:
        first, now = median(totals[:WINDOW]), median(totals[-WINDOW:])
        if not now < first:
            raise Diverged(f"nothing was learnt in {step} steps: the loss is {now:.3g}, it began with {first:.3g}")
        known = [found for file in self._finished() if (found := early_median(file, step)) is not None]
        if known and now > BAND * max(known):
            raise Diverged(
                f"the loss is {now:.3g} after {step} steps, at most {max(known):.3g} in {len(known)} finished runs"
            )

    def _finished(self) -> list[Path]:
        files = sorted(self.folder.parent.parent.glob(f"seed-*/*/{LOSSES}"))
        return [file for file in files if file.parent != self.folder]


def early_median(file: Path, step: int) -> float | None:
    """Median total loss of a finished run around a step; None where the run was shorter or the file is damaged."""
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            totals = [float(row["total"]) for row, _ in zip(csv.DictReader(stream), range(step), strict=False)]
    except (OSError, ValueError, KeyError, csv.Error):
        return None
    return median(totals[-WINDOW:]) if len(totals) == step else None
