"""Verb `parity`: our modules against recorded values of the released code."""

from pathlib import Path
from typing import Annotated

import typer

from labeldistill.cli.options import Format, FormatOption


def parity(
    folder: Annotated[Path, typer.Argument(help="Folder of recorded cases (golden layout).")],
    case: Annotated[str | None, typer.Option("--case", help="Only cases whose name contains this.")] = None,
    rows: Annotated[
        bool, typer.Option("--rows", help="Every compared value, not only the worst one per case.")
    ] = False,
    format: FormatOption = Format.table,
) -> None:
    """Run every recorded case in a folder; exit 1 if one fails.

    Example: labeldistill parity ../golden --case label
    """
    from labeldistill.cli.parity_text import print_results
    from labeldistill.errors import GateError
    from labeldistill.parity.run import run_cases

    results = run_cases(folder, containing=case)
    print_results(results, every_row=rows, style=format.value)
    failed = [result.name for result in results if not result.passed]
    if failed:
        raise GateError(f"{len(failed)} of {len(results)} cases failed: {', '.join(failed)}")
