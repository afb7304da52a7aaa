"""A progress bar with ETA on a terminal, nothing in a log."""

import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class StepBar:
    """Counts optimiser steps; does nothing unless shown."""

    def __init__(self, title: str, steps: int, done: int = 0, show: bool | None = None) -> None:
        """Start a bar.

        Args:
            title: text before the bar.
            steps: number of steps in total.
            done: steps that are already done.
            show: whether to show it; None: if stderr is a terminal.
        """
        self._progress: Progress | None = None
        if sys.stderr.isatty() if show is None else show:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._progress = Progress(*columns, TextColumn("{task.fields[loss]}"), console=Console(stderr=True))
            self._task = self._progress.add_task(title, total=steps, completed=done, loss="")
            self._progress.start()

    def advance(self, loss: float | None = None) -> None:
        """Advance by one step and show its loss."""
        if self._progress is not None:
            text = "" if loss is None else f"loss {loss:.4g}"
            self._progress.update(self._task, advance=1, loss=text)

    def close(self) -> None:
        """Restore the terminal."""
        if self._progress is not None:
            self._progress.stop()
