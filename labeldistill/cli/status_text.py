"""The state of a study in the terminal."""

from collections import Counter
from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from labeldistill.cli.console import plain_console
from labeldistill.config.metrics import HEADLINE
from labeldistill.monitor.run_status import RunStatus, State
from labeldistill.monitor.study_status import StudyStatus
from labeldistill.reporting.numbers import NOTHING, number

_STYLES = {
    State.running: "green",
    State.finished: "blue",
    State.waiting: "dim",
    State.silent: "yellow",
    State.stopped: "yellow",
    State.killed: "yellow",
    State.failed: "red",
    State.diverged: "red",
    State.unreadable: "red",
}
_UNEVENTFUL = (State.waiting, State.finished)
_AROUND = 8
"""Lines of a terminal without rows: frame, heading, totals, prompt."""


def duration(seconds: float | None) -> str:
    """A duration in its two largest units."""
    if seconds is None:
        return NOTHING
    minutes, whole = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {whole:02d} s" if minutes else f"{whole} s"


def _of(done: int | None, total: int | None) -> str:
    return NOTHING if done is None else f"{done} / {total if total is not None else '?'}"


def _cells(run: RunStatus, several: bool) -> list[str | Text]:
    loss = NOTHING if run.loss is None else f"{run.loss:.4g}"
    state = Text(run.state.value, style=_STYLES[run.state])
    # the message of a record that can't be read is printed in full below the table
    note = "" if run.state is State.unreadable else run.note
    progress = [_of(run.step, run.steps), _of(run.epoch, run.epochs), duration(run.eta_s)]
    scores = [number(run.scores.get(metric)) for metric in HEADLINE]
    unit = f"{run.unit} {run.run_key}" if several else run.unit
    return [unit, str(run.seed), state, *progress, loss, *scores, duration(run.sign_age_s), note]


def status_table(found: StudyStatus, most_rows: int | None = None) -> Group:
    """The table with its totals; with more runs than `most_rows`, waiting and finished ones are only counted."""
    table = Table(title=f"Study {found.study}", title_justify="left")
    for name in ("unit", "seed", "state", "step", "epoch", "time left", "loss", *HEADLINE, "last sign", "note"):
        right = name not in ("unit", "state", "note")
        table.add_column(name, justify="right" if right else "left", no_wrap=name != "note")
    shown = found.runs
    if most_rows is not None and len(shown) > most_rows:
        shown = [run for run in shown if run.state not in _UNEVENTFUL]
    alike = Counter((run.unit, run.seed) for run in found.runs)
    for run in shown:
        table.add_row(*_cells(run, alike[run.unit, run.seed] > 1))
    lines: list[RenderableType] = [table, Text(_totals(found, len(found.runs) - len(shown)))]
    if found.unknown:
        lines.append(Text(f"Run keys are unknown, so the state of runs is unknown: {found.unknown}"))
    return Group(*lines)


def _totals(found: StudyStatus, hidden: int) -> str:
    counts = Counter(run.state for run in found.runs)
    parts = ", ".join(f"{counts[state]} {state.value}" for state in State if counts[state])
    left_out = f" ({hidden} of them not shown)" if hidden else ""
    return f"{len(found.runs)} runs: {parts}{left_out}"


def print_status(looks: Iterable[StudyStatus]) -> None:
    """Print every look below the previous one."""
    console = plain_console(160)
    for look in looks:
        console.print(status_table(look))


def watch_status(looks: Iterable[StudyStatus]) -> None:
    """Draw every look in place of the previous one."""
    console = plain_console()
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        for look in looks:
            live.update(status_table(look, most_rows=console.height - _AROUND), refresh=True)
