"""Names chosen by data sets or people are printed as text, not as styles."""

from pathlib import Path

import pytest
from rich.table import Table

import labeldistill
from labeldistill.cli.console import plain_console

HOSTILE = "[/x] [bold]scene[/bold] [link=javascript:x]y[/link] :smile: \\[z]"


def test_brackets_and_colons_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(title=HOSTILE)
    table.add_column(HOSTILE)
    table.add_row(HOSTILE)
    console = plain_console(120)
    console.print(table)
    console.print(HOSTILE)
    assert capsys.readouterr().out.count(HOSTILE) == 4


def test_no_verb_prints_through_a_console_of_its_own() -> None:
    root = Path(labeldistill.__file__).parent
    users = {file.name for file in root.rglob("*.py") if "Console(" in file.read_text()}
    assert users == {"console.py", "progress.py"}  # progress bars, whose words are ours
