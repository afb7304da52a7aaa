"""The live screen: how far, what runs now, how long yet."""

import time
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from labeldistill.config.methods import stage_of
from labeldistill.monitor.run_status import RunStatus, State, look_at
from snakemake_logger_plugin_labeldistill.jobs import Job, Progress, span

_REFRESHED_PER_S = 2


def plain_line(job: Job, progress: Progress, now: float) -> str:
    """`finished train full, seed 1 in 35 s; 12 of 37 steps, about 4 min left`."""
    left = progress.left_s(now)
    yet = "" if left is None or not progress.total - len(progress.over) else f", about {span(left)} left"
    return f"finished {job.name} in {span(job.took)}; {len(progress.over)} of {progress.total} steps{yet}"


def training(job: Job, now: float) -> RunStatus | None:
    """Where a training stands, by its own signs of life; None for other jobs."""
    if job.folder is None or not job.seed.isdigit():
        return None
    blank = RunStatus(job.unit, stage_of(job.unit), int(job.seed), job.key, str(job.folder), State.waiting)
    return look_at(blank, job.folder, now)


class Screen:
    """Drawn anew twice a second by a thread of its own; what is said above it stays."""

    def __init__(self, progress: Progress, stream: TextIO) -> None:
        self._progress = progress
        self._console = Console(file=stream, markup=False, emoji=False, highlight=False)
        self._live = Live(
            console=self._console,
            get_renderable=self._drawn,
            refresh_per_second=_REFRESHED_PER_S,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._started = False

    def say(self, text: str) -> None:
        """Print above the screen; the screen begins with the first step."""
        self._console.print(text, soft_wrap=True)
        if self._progress.total and not self._started:
            self._started = True
            self._live.start()

    def close(self) -> None:
        """Draw once more and leave."""
        if self._started:
            self._started = False
            self._live.stop()

    def _drawn(self) -> RenderableType:
        progress, now = self._progress, time.time()
        done, total = len(progress.over), progress.total
        left = progress.left_s(now)
        yet = "time left unknown: not measured yet" if left is None else f"about {span(left)} left"
        failed = f", {progress.failures} failed" if progress.failures else ""
        spent = span(now - progress.began) if progress.began else "0 s"
        head = Table.grid(padding=(0, 1))
        said = f"{done} of {total} steps{failed}, {spent} so far, {'done' if done == total else yet}"
        head.add_row(ProgressBar(total=max(total, 1), completed=done, width=24), Text(said))
        return Group(head, self._running(now)) if progress.running else head

    def _running(self, now: float) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for name in ("stage", "variant", "seed", "step", "for", "left"):
            table.add_column(name, justify="right" if name in ("seed", "step", "for", "left") else "left")
        for job in list(self._progress.running.values()):
            mean = self._progress.durations.mean(job.rule)
            status = training(job, now)
            step = f"{status.step} / {status.steps}" if status and status.step is not None and status.steps else ""
            left = status.eta_s if status and status.eta_s is not None else mean and max(mean - (now - job.began), 0.0)
            cells = (job.stage, job.unit, job.seed, step, span(now - job.began), "" if left is None else span(left))
            table.add_row(*cells)
        return table
