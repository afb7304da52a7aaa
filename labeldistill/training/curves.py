"""TensorBoard curves of a run, written without torch's slow-to-import writer."""

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

FOLDER = "tensorboard"
EVERY_S = 2.0


class Curves:
    """Scalars over optimiser steps, at most one point of each every two seconds; a resumed run hides what it redoes."""

    def __init__(self, out_dir: Path, start: int) -> None:
        self._writer = EventFileWriter(str(out_dir / FOLDER), flush_secs=30)
        self._last = float("-inf")
        self._broken = False
        if start:
            mark = Event(step=start + 1, session_log=SessionLog(status=SessionLog.START))
            self._writer.add_event(mark)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Write the step's values unless the last point is too recent."""
        if self._broken or time.monotonic() - self._last < EVERY_S:
            return
        self._last = time.monotonic()
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()])
        try:
            self._writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))
        except OSError:  # of the writer's thread: a full disk ends the curves, checkpoints tell the user
            self._broken = True

    def close(self) -> None:
        """Flush and end the writer's thread."""
        with suppress(OSError):
            self._writer.close()
