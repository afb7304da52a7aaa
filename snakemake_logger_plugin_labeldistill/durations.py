"""How long jobs of each rule took, kept in the study's folder of logs for the next time."""

import contextlib
import json
from pathlib import Path

_KEPT = 20
"""Newest durations of a rule that count."""


class Durations:
    """Seconds by rule; a file that is missing, damaged or can't be written only costs the forecast."""

    def __init__(self) -> None:
        self._file: Path | None = None
        self._found: dict[str, list[float]] = {}

    def open(self, file: Path) -> None:
        """Take in a file of earlier durations, once."""
        if self._file is not None:
            return
        self._file = file
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
            earlier = json.loads(file.read_text())
            found = {str(rule): [float(s) for s in seconds] for rule, seconds in earlier.items()}
            self._found = {
                rule: (found.get(rule, []) + self._found.get(rule, []))[-_KEPT:] for rule in {*found, *self._found}
            }

    def add(self, rule: str, seconds: float) -> None:
        """A job of a rule took so long."""
        self._found[rule] = [*self._found.get(rule, []), round(seconds, 2)][-_KEPT:]
        if self._file is None:
            return
        part = self._file.with_name(f".{self._file.name}.part")
        with contextlib.suppress(OSError):
            part.write_text(json.dumps(self._found, indent=1, sort_keys=True))
            part.replace(self._file)

    def mean(self, rule: str) -> float | None:
        """Mean seconds of a rule; None where it was never measured."""
        found = self._found.get(rule)
        return sum(found) / len(found) if found else None
