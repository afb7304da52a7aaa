"""A diff as Markdown, for a pull request or an issue."""

from collections.abc import Iterator

from labeldistill.compare.diff import Diff
from labeldistill.reporting.diff_words import HEAD, row_cells, short
from labeldistill.reporting.text_table import markdown_text


def diff_markdown(diff: Diff) -> str:
    """The rows, what could explain them, and what was not paired; whatever stands in a name stays text."""
    return "\n".join(_lines(diff)) + "\n"


def _lines(diff: Diff) -> Iterator[str]:
    options, worse = diff.options, len(diff.regressions)
    said = f"{worse} rows are worse" if worse else "No regression is shown"
    how = "all runs of each side" if options.unpaired else "shared seeds"
    percent = f"{options.confidence * 100:g} % intervals"
    yield f"**{said}**: A {markdown_text(diff.a)}, B {markdown_text(diff.b)}\n"
    yield f"B minus A on {how}, {options.weights} weights; {percent}; mAP and NDS in points.\n"
    yield from _table(HEAD, [[*row_cells(row), str(row.finding), row.reason] for row in diff.rows])
    if diff.causes:
        yield "\nDifferences between paired records that could explain them:\n"
        causes = [[c.part, c.key, short(c.a), short(c.b), str(c.runs), ", ".join(c.variants)] for c in diff.causes]
        yield from _table(("part", "entry", "A", "B", "runs", "where"), causes)
    elif diff.same:
        yield f"\n{diff.same} of {diff.paired} paired runs are the same files on both sides."
    for side, names in (("A", diff.only_a), ("B", diff.only_b)):
        if names:
            yield f"\nOnly in {side}: {markdown_text(', '.join(names))}."
    for note in diff.notes:
        yield f"\n{markdown_text(note)}"


def _table(head: tuple[str, ...], rows: list[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(map(markdown_text, row))} |"
