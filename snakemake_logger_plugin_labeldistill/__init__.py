"""What a study's Snakemake says: one live screen on a terminal, one plain line per step elsewhere.

Snakemake finds this package by its name (its interface of logger plugins); `logger: labeldistill` in a profile chooses
it. Its own, longer log lies in `.snakemake/log` as ever. A plan (`-n`) and `--verbose` look as Snakemake writes them.
"""

import sys
import time
from logging import WARNING, LogRecord

from snakemake.logging import ColorizingTextHandler
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_labeldistill.durations import Durations
from snakemake_logger_plugin_labeldistill.jobs import Job, Progress
from snakemake_logger_plugin_labeldistill.screen import Screen, plain_line

_UNSAID = (
    *("Building DAG of jobs", "Using shell", "Provided ", "Assuming unrestricted", "host: ", "Select jobs to execute"),
    *("Execute ", "Complete log(s)", "Finished jobid", "Using profile", "Job stats", "Elapsed time", "SLURM run ID"),
)
"""Beginnings of messages that say nothing to who runs a study; Snakemake's log file has them."""


class LogHandler(LogHandlerBase):
    """Follows the jobs of one Snakemake; called in one thread, for one record after the other."""

    def __post_init__(self) -> None:
        settings = self.common_settings
        stream = sys.stdout if settings.stdout else sys.stderr
        self._own = ColorizingTextHandler(nocolor=settings.nocolor, stream=stream)
        self._as_snakemake = bool(settings.dryrun or settings.verbose or settings.debug_dag)
        self._quiet = bool(settings.quiet)
        self._stream = stream
        self._progress = Progress(Durations())
        live = not self._as_snakemake and not self._quiet and stream.isatty()
        self._screen = Screen(self._progress, stream) if live else None

    def emit(self, record: LogRecord) -> None:
        """Show what a record changes; a fault of this view must not end a study, so it is reported and no more."""
        try:
            if self._as_snakemake:
                self._own.setFormatter(self.formatter)
                self._own.emit(record)
            else:
                self._follow(record)
        except Exception:
            self.handleError(record)

    def _follow(self, record: LogRecord) -> None:
        event, progress, now = getattr(record, "event", None), self._progress, time.time()
        if event == LogEvent.RUN_INFO:
            progress.planned({k: v for k, v in record.stats.items() if k != "total"})  # type: ignore[attr-defined]
            self._say(f"{progress.total} steps to run{progress.expected()}")
        elif event == LogEvent.JOB_INFO:
            if progress.started(job := Job.of(record), now):
                self._step(f"started  {job.name}")
        elif event == LogEvent.JOB_FINISHED:
            if (done := progress.finished(record.job_id, now)) is not None:  # type: ignore[attr-defined]
                self._step(plain_line(done, progress, now))
        elif event in (LogEvent.JOB_ERROR, LogEvent.GROUP_ERROR):
            progress.failed(getattr(record, "jobid", -1))
            self._say(self.format(record))
        elif event is None or event == LogEvent.ERROR or record.levelno >= WARNING:
            self._message(record)

    def _message(self, record: LogRecord) -> None:
        text = self.format(record)
        if text and text != "None" and (record.levelno >= WARNING or not text.startswith(_UNSAID)):
            self._say(text)

    def _step(self, line: str) -> None:
        """A line where nothing shows it live."""
        if self._screen is None and not self._quiet:
            self._say(line)

    def _say(self, text: str) -> None:
        if self._screen is not None:
            self._screen.say(text)
        else:
            self._stream.write(text + "\n")
            self._stream.flush()

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._screen is not None:
            self._screen.close()
        super().close()

    @property
    def writes_to_stream(self) -> bool:
        """It does, instead of Snakemake's own handler."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Snakemake's own log file stays."""
        return False

    @property
    def has_filter(self) -> bool:
        """`--quiet` hides what Snakemake's filter would; otherwise every event is wanted."""
        return not (self._as_snakemake or self._quiet)

    @property
    def has_formatter(self) -> bool:
        """Errors are worded by Snakemake."""
        return False

    @property
    def needs_rulegraph(self) -> bool:
        """No."""
        return False
