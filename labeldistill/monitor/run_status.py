"""The state of one run, read from its folder: record, lock, event log, checkpoint. Nothing is written."""

import os
import socket
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from signal import Signals
from typing import Any

from labeldistill.config.methods import Stage
from labeldistill.config.run_files import EVENTS, LOCK, RECORD
from labeldistill.errors import InputError
from labeldistill.monitor.run_liveness import Holder, checkpoint_step, last_events, lock_holder
from labeldistill.records.run_record import read_record
from labeldistill.training.lock import STALE_AFTER_S

SILENT_AFTER_S = 60.0
"""A run without a sign of life for this long deserves attention; heartbeats come every few seconds."""
WORTH_A_NOTE_PERCENT = 10
"""Of a training's time; below that its loader keeps up."""

_LAST_WORDS = ("stopped", "failed", "finished", "diverged")


class State(StrEnum):
    """State of one run."""

    waiting = "waiting"
    """Not started, or to be restarted from the beginning."""
    running = "running"
    silent = "silent"
    """Its process may still exist (this machine can't tell), but gave no recent sign of life."""
    stopped = "stopped"
    """Stopped on request (a signal, Ctrl-C)."""
    killed = "killed"
    """Its process is gone without an event: SIGKILL, a crash, a power cut."""
    failed = "failed"
    """Ended with an error."""
    diverged = "diverged"
    finished = "finished"
    unreadable = "unreadable"
    """Its record can't be read: another schema version, a damaged file."""


@dataclass(frozen=True)
class RunStatus:
    """One row of a status table; None means unknown.

    Attributes:
        unit: `teacher`, `label-encoder` or the variant.
        stage: stage of the run.
        seed: seed of the run.
        run_key: key of the run, the name of its folder.
        folder: the run's folder.
        state: see `State`.
        step: optimiser steps done according to the last sign of life.
        steps: steps of the whole run.
        epoch: current epoch, from 1.
        epochs: epochs of the whole run.
        checkpoint_step: step from which an unfinished run would resume.
        eta_s: remaining seconds at the run's own pace.
        loss: the last one reported; for a finished run the mean over its last steps.
        scores: headline metrics as fractions, of EMA weights on the study's evaluation split, once scored.
        sign_age_s: seconds since the last sign of life.
        host: host where it runs or last ran.
        pid: its process there.
        note: anything else to know.
    """

    unit: str
    stage: Stage
    seed: int
    run_key: str
    folder: str
    state: State
    step: int | None = None
    steps: int | None = None
    epoch: int | None = None
    epochs: int | None = None
    checkpoint_step: int | None = None
    eta_s: float | None = None
    loss: float | None = None
    scores: dict[str, float] = field(default_factory=dict)
    sign_age_s: float | None = None
    host: str | None = None
    pid: int | None = None
    note: str = ""


def look_at(blank: RunStatus, folder: Path, now: float) -> RunStatus:
    """The row of a folder. The lock is read first, so that whatever its holder wrote before releasing it is seen."""
    found = blank
    for _ in range(2):
        holder = lock_holder(folder / LOCK)
        events = last_events(folder / EVENTS)
        if (folder / RECORD).is_file():
            return _ended(blank, folder / RECORD, now)
        found = _under_way(blank, folder, holder, events, now)
        if found.state is not State.killed:
            break  # otherwise a process may have started between the two looks
    return found


# -- a run that has ended ----------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _checked(file: Path, size: int, changed_ns: int) -> dict[str, Any]:
    return read_record(file)


def checked_record(file: Path) -> dict[str, Any]:
    """A record, checked against its schema again only if it changes."""
    stat = file.stat()
    return _checked(file, stat.st_size, stat.st_mtime_ns)


def _ended(blank: RunStatus, file: Path, now: float) -> RunStatus:
    try:
        record = checked_record(file)
    except InputError as error:
        return replace(blank, state=State.unreadable, note=str(error))
    if record["run_key"] != blank.run_key:
        problem = f"{file}: run_key: holds run {record['run_key']}, the plan asks for {blank.run_key}"
        return replace(blank, state=State.unreadable, note=problem)
    did = record["optimisation"]
    done, per_epoch = int(did["steps_done"]), int(did["steps_per_epoch"])
    return replace(
        blank,
        state=State(record["status"]),
        step=done,
        steps=int(did["steps"]),
        epoch=-(-done // per_epoch),
        epochs=int(did["epochs"]),
        loss=record["losses"].get("last", {}).get("total"),
        sign_age_s=max(now - datetime.fromisoformat(record["finished"]).timestamp(), 0.0),
        host=", ".join(record["environment"]["hosts"]),
        note=record["reason"] or "",
    )


# -- a run that has not ------------------------------------------------------------------------------------------------


def _under_way(
    blank: RunStatus, folder: Path, holder: Holder | None, events: list[dict[str, Any]], now: float
) -> RunStatus:
    if not events and holder is None:
        return blank
    row = _told(blank, events, holder, now)
    alive = _alive(holder, row.sign_age_s)
    last = events[-1] if events else {}
    if alive:
        return _running(row, holder, last, folder)
    row = replace(row, checkpoint_step=checkpoint_step(folder))
    goes_on = "starts anew" if row.checkpoint_step is None else f"goes on from step {row.checkpoint_step}"
    if last.get("event") == "stopped":
        return replace(row, state=State.stopped, note=f"asked to stop{_by(last)}; {goes_on}")
    if last.get("event") == "failed":
        return replace(row, state=State.failed, note=f"{last.get('reason') or 'no reason was given'}; {goes_on}")
    if last.get("event") in _LAST_WORDS:
        return replace(row, state=State.waiting, note=f"{last['event']} once, but its record is gone; {goes_on}")
    return replace(row, state=State.killed, note=f"its process is gone without a word; {goes_on}")


def _told(blank: RunStatus, events: list[dict[str, Any]], holder: Holder | None, now: float) -> RunStatus:
    """What the event log reports, and when."""
    told: dict[str, Any] = {}
    for event in events:
        told |= {name: value for name, value in event.items() if value is not None}
    epoch = told.get("epoch")
    sign = told.get("time", holder.changed if holder else now)
    return replace(
        blank,
        step=told.get("step", 0),
        steps=told.get("steps", blank.steps),
        epoch=epoch + 1 if isinstance(epoch, int) else None,
        epochs=told.get("epochs", blank.epochs),
        loss=_number(told.get("loss")),
        sign_age_s=max(now - float(sign), 0.0),  # if the clock was set back, signs of life lie in the future
        host=told.get("host", holder.host if holder else None),
        pid=told.get("pid", holder.pid if holder else None),
    )


def _number(value: Any) -> float | None:
    """A loss, which is text in the event log if it is not finite."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _alive(holder: Holder | None, sign_age_s: float | None) -> bool:
    """Whether the process that holds the lock is alive, as far as this machine can tell."""
    if holder is None:
        return False
    if holder.locked:
        return True
    if holder.host == socket.gethostname():
        return holder.locked is None and _has_process(holder.pid)
    # on many cluster file systems, a lock is only visible on the machine that took it
    return sign_age_s is not None and sign_age_s < STALE_AFTER_S


def _has_process(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return pid > 0


def _running(row: RunStatus, holder: Holder | None, last: dict[str, Any], folder: Path) -> RunStatus:
    assert holder is not None
    begun = last.get("event") not in (None, *_LAST_WORDS) and last.get("pid") in (holder.pid, None)
    if not begun:
        ended = last.get("event") in ("finished", "diverged") and last.get("pid") == holder.pid
        at = row.step if ended else checkpoint_step(folder) or 0
        note = "writing its last files" if ended else "starting"
        return replace(row, state=State.running, step=at, host=holder.host, pid=holder.pid, note=note)
    age = row.sign_age_s or 0.0
    eta = last.get("eta_s")
    left = max(float(eta) - age, 0.0) if eta is not None else None
    if age <= SILENT_AFTER_S:
        return replace(row, state=State.running, eta_s=left, note=_waited(last))
    if holder.locked:
        return replace(row, state=State.running, note="its process is there but gave no sign of life lately")
    return replace(row, state=State.silent, note=f"process {holder.pid} on {holder.host} can't be seen from here")


def _waited(event: dict[str, Any]) -> str:
    """What share of its time a training waited for data, if that is worth a note."""
    share = event.get("waited_percent")
    return f"waited {share} % for data" if isinstance(share, int) and share >= WORTH_A_NOTE_PERCENT else ""


def _by(event: dict[str, Any]) -> str:
    try:
        return f" by {Signals(int(event['signal'])).name}"
    except (KeyError, ValueError, TypeError):
        return ""
