"""The event log of a run: append-only lines saying what happened and when, read by `status`."""

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

BEAT_EVERY_S = 5.0


class EventLog:
    """Appends events; heartbeats are written at most every few seconds, however fast the steps are.

    A log that cannot be written never ends a run: a run must not fail because nobody can watch it.
    """

    def __init__(self, path: Path, run_key: str, beat_every_s: float = BEAT_EVERY_S) -> None:
        self.path, self.run_key, self.beat_every_s = path, run_key, beat_every_s
        self._last_beat = float("-inf")

    def write(self, event: str, **fields: Any) -> None:
        """Append one event with the time (seconds since 1970), host and pid."""
        about = {"time": round(time.time(), 3), "event": event, "run_key": self.run_key}
        line = json.dumps({**about, "host": socket.gethostname(), "pid": os.getpid(), **fields}) + "\n"
        try:
            with self.path.open("a", encoding="utf-8") as stream:
                stream.write(line)
        except OSError:
            pass

    def beat_due(self) -> bool:
        """Whether a heartbeat may be written now; true at most every `beat_every_s`."""
        now = time.monotonic()
        if now - self._last_beat < self.beat_every_s:
            return False
        self._last_beat = now
        return True
