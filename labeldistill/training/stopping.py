"""Requests to stop: SIGTERM and SIGUSR1 (clusters), SIGINT (Ctrl-C); a checkpoint is written first."""

import signal
from types import FrameType
from typing import Any

from labeldistill.errors import LabelDistillError

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class Interrupted(LabelDistillError):  # noqa: N818
    """A run stopped on request, with a checkpoint; the same command resumes it.

    The exit code is 128 + the signal's number: 143 for SIGTERM, 138 for SIGUSR1, 130 for Ctrl-C.
    """

    def __init__(self, signum: int, step: int, steps: int) -> None:
        name = signal.Signals(signum).name
        super().__init__(f"stopped by {name} after step {step} of {steps}; the same command resumes it")
        self.signum = signum
        self.exit_code = 128 + signum


class Diverged(Exception):  # noqa: N818
    """The loss is not finite; `str()` says where."""


class StopRequest:
    """Remembers the first signal to stop; a second Ctrl-C interrupts at once."""

    def __init__(self) -> None:
        self.signum = 0
        self._former: dict[int, Any] = {}

    def install(self) -> None:
        """Install the signal handlers."""
        self._former = {number: signal.signal(number, self._asked) for number in SIGNALS}

    def restore(self) -> None:
        """Reinstall the previous signal handlers."""
        for number, handler in self._former.items():
            signal.signal(number, handler)
        self._former = {}

    def _asked(self, signum: int, frame: FrameType | None) -> None:
        if signum == signal.SIGINT and self.signum == signal.SIGINT:
            raise KeyboardInterrupt
        self.signum = self.signum or signum
