"""A diff in the terminal."""

from rich.console import Console
from rich.table import Table

from labeldistill.cli.console import plain_console
from labeldistill.compare.diff import Diff
from labeldistill.reporting.diff_words import row_cells, short

_MOST_CAUSES = 40


def print_diff(diff: Diff) -> None:
    """Print the rows, then possible causes, then what was not paired."""
    console = plain_console(200)
    options = diff.options
    how = "B minus A, all runs of each side" if options.unpaired else "B minus A on shared seeds"
    title = f"A {diff.a} -> B {diff.b}: {how}, {options.weights} weights, mAP and NDS in points"
    table = Table(title=title, title_justify="left")
    percent = f"{options.confidence * 100:g} %"
    head = ("unit", "metric", "n", "A", "B", "difference", percent, "p (Holm)", "finding", "why")
    for column in head:
        text = column in ("unit", "metric", "finding", "why")
        table.add_column(column, justify="left" if text else "right", no_wrap=column != "why")
    for row in diff.rows:
        table.add_row(*row_cells(row), str(row.finding), row.reason)
    console.print(table)
    _print_causes(console, diff)
    for side, names in (("A", diff.only_a), ("B", diff.only_b)):
        if names:
            console.print(f"only in {side}: {', '.join(names)}")
    if (diff.only_a or diff.only_b) and not options.unpaired:
        console.print("Seeds missing on one side are left out above; --unpaired compares all runs of each side.")
    for note in diff.notes:
        console.print(note)


def _print_causes(console: Console, diff: Diff) -> None:
    recorded = diff.paired - diff.unrecorded
    if diff.unrecorded:
        console.print(
            f"{diff.unrecorded} of {diff.paired} paired runs have no record (files of another code base): nothing is "
            "known of their settings, data and code."
        )
    if diff.same:
        console.print(f"{diff.same} of {diff.paired} paired runs are the same files on both sides: nothing was rerun.")
    if not diff.causes:
        if recorded > diff.same:
            console.print("Paired records agree in settings, data, code, environment, optimisation and device.")
        return
    table = Table(title="Differences between paired records that could explain them", title_justify="left")
    for column in ("part", "entry", "A", "B", "runs", "where"):
        table.add_column(column)
    for cause in diff.causes[:_MOST_CAUSES]:
        where = ", ".join(cause.variants[:4]) + (", ..." if len(cause.variants) > 4 else "")
        table.add_row(cause.part, cause.key, short(cause.a), short(cause.b), str(cause.runs), where)
    console.print(table)
    if len(diff.causes) > _MOST_CAUSES:
        console.print(f"and {len(diff.causes) - _MOST_CAUSES} more (all of them in --format json)")
