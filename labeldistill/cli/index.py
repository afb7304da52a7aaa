"""Verb `index`: the page of all reports."""

from pathlib import Path

import typer

from labeldistill.cli.options import ReportsOption


def index(reports: ReportsOption = Path("reports")) -> None:
    """Write reports/index.html: every version of every study, a timeline per metric, and where it steps.

    `report` does this too, each time.

    Example: labeldistill index
    """
    from labeldistill.reporting.index_page import write_index

    typer.echo(write_index(reports))
