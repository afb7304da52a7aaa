"""An audit of students' gradients and teachers in the terminal."""

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from labeldistill.checks.gradient_audit import ChannelGradient, GradientAudit, PartGradient
from labeldistill.checks.student_audit import StudentAudit, Verdict
from labeldistill.cli.console import plain_console
from labeldistill.reporting.numbers import NOTHING

Row = tuple[str, ...]

_STYLES = {Verdict.passed: "green", Verdict.released: "yellow", Verdict.failed: "bold red"}


def print_audits(study: str, found: list[StudentAudit]) -> None:
    """Print gradient tables by variant, then every verdict."""
    console = plain_console(160)
    for each in found:
        if each.gradients is not None:
            console.print(_channel_table(each.unit, each.gradients))
            console.print(_part_table(each.unit, each.gradients))
        console.print(f"{each.unit}: {'; '.join(each.notes)}\n")
    table = Table(title=f"Gradients and teachers of study {study}", title_justify="left")
    for column in ("variant", "gate", "what", "verdict", "found"):
        table.add_column(column)
    for each in found:
        for row in each.findings:
            verdict = Text(row.verdict.value, style=_STYLES[row.verdict])
            table.add_row(each.unit, row.gate, row.about, verdict, row.detail)
        table.add_section()
    console.print(table)


def _term(row: ChannelGradient | PartGradient) -> str:
    """A term, and the scale at which a feature term compares."""
    return row.term if row.compared_at is None else f"{row.term} @{row.compared_at}"


def _channel_table(unit: str, audit: GradientAudit) -> Table:
    title = f"{unit}: gradient norm in BEV features from each loss term; in brackets: nothing behind it learns"
    cells = {(_channels(row), _term(row)): _cell(row) for row in audit.channels}
    rows = [_channels(row) for row in audit.channels]
    return _matrix(title, ("scale", "frame", "group"), rows, [_term(row) for row in audit.channels], cells)


def _channels(row: ChannelGradient) -> Row:
    return str(row.scale), NOTHING if row.frame_offset is None else str(row.frame_offset), row.group


def _cell(row: ChannelGradient) -> str:
    if row.gradient == 0:
        return NOTHING
    return f"{row.gradient:.3g}" if row.trains else f"({row.gradient:.3g})"


def _part_table(unit: str, audit: GradientAudit) -> Table:
    title = f"{unit}: gradient norm in the parameters of each part"
    cells: dict[tuple[Row, str], str] = {
        ((row.part,), _term(row)): f"{row.gradient:.3g}" if row.gradient else NOTHING for row in audit.parts
    }
    return _matrix(title, ("part",), [(row.part,) for row in audit.parts], [_term(row) for row in audit.parts], cells)


def _matrix(
    title: str,
    head: tuple[str, ...],
    rows: Iterable[Row],
    columns: Iterable[str],
    cells: dict[tuple[Row, str], str],
) -> Table:
    table = Table(title=title, title_justify="left")
    names = list(dict.fromkeys(columns))
    for name in head:
        table.add_column(name)
    for name in names:
        table.add_column(name, justify="right")
    for row in dict.fromkeys(rows):
        table.add_row(*row, *(cells.get((row, name), NOTHING) for name in names))
    return table
