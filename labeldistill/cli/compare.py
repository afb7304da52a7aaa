"""Verb `compare`: result files of ours against result files of theirs, without a study."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labeldistill.cli.options import CacheOption, DatarootOption, TableOrJson, TableOrJsonOption

if TYPE_CHECKING:
    from labeldistill.judging.groups import Groups

CONTEXT = {"ignore_unknown_options": True}
"""Lets `--ours` and `--theirs` take as many files as follow, which an option of Click can't."""


def compare(
    sides: Annotated[
        list[str], typer.Argument(metavar="--ours FILE... --theirs FILE...", help="Result files, one per run.")
    ],
    dataroot: DatarootOption,
    paired: Annotated[
        bool, typer.Option("--paired", help="The i-th files share a seed: compare them pair by pair.")
    ] = False,
    confidence: Annotated[float, typer.Option("--confidence", help="Of the intervals, above 0.8.")] = 0.95,
    version: Annotated[str | None, typer.Option("--version", help="Default: the one that has their samples.")] = None,
    split: Annotated[str | None, typer.Option("--split", help="Default: the one that is their samples.")] = None,
    cache: CacheOption = Path(".cache/tables"),
    format: TableOrJsonOption = TableOrJson.table,
) -> None:
    """Score result files of two methods on one split and test the difference of their means.

    Three runs on each side are the fewest that a finding can rest on; without --paired it is Welch's test.

    Example: labeldistill compare --ours a.json b.json c.json --theirs d.json e.json f.json --dataroot data/nuscenes
    """
    from labeldistill.judging.groups import compare_files
    from labeldistill.judging.which_split import Place

    ours, theirs = _sides(sides)
    found = compare_files(ours, theirs, Place(dataroot, version, split, cache), paired=paired, confidence=confidence)
    if format is TableOrJson.json:
        typer.echo(json.dumps(found.as_json(), indent=1).replace("NaN", "null"))
    else:
        _print(found)


def _sides(words: list[str]) -> tuple[list[Path], list[Path]]:
    from labeldistill.errors import InputError

    found: dict[str, list[Path]] = {"--ours": [], "--theirs": []}
    side = ""
    for word in words:
        if word in found:
            side = word
        elif word.startswith("-") or not side:
            what = "no such option" if word.startswith("-") else "files follow --ours or --theirs"
            raise InputError(what, key=word)
        else:
            found[side].append(Path(word))
    return found["--ours"], found["--theirs"]


def _print(found: "Groups") -> None:
    from rich.table import Table

    from labeldistill.cli.console import plain_console
    from labeldistill.reporting.numbers import number, signed

    console, first = plain_console(120), found.ours[0]
    console.print(f"{first.split} ({first.version}), {'pair by pair' if found.paired else 'two groups of runs'}")
    table = Table("metric", "ours", "theirs", "difference", f"{100 * found.confidence:g} %", "finding", box=None)
    for row in found.rows:
        interval = f"[{signed(row.summary.low, 2)}, {signed(row.summary.high, 2)}]"
        cells = (number(row.b, 2), number(row.a, 2), signed(row.summary.mean, 2), interval)
        table.add_row(row.metric, *cells, str(row.finding))
    console.print(table)
    for row in found.rows:
        console.print(f"{row.metric}: {row.reason}", soft_wrap=True)
