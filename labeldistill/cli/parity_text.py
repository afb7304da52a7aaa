"""The results of parity cases: a table for people, JSON or CSV for programs."""

import csv
import json
import sys
from dataclasses import asdict
from typing import Any

from rich.table import Table

from labeldistill.cli.console import plain_console
from labeldistill.parity.run import CaseResult


def _rows(results: list[CaseResult], every_row: bool) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for result in results:
        shown = result.comparisons if every_row else tuple(filter(None, [result.worst]))
        verdict = "pass" if result.passed else "FAIL"
        for c in shown:
            own = ("pass" if c.passed else "FAIL") if every_row else verdict
            rows.append({"case": result.name, "values": len(result.comparisons), **asdict(c), "verdict": own})
        if result.problem:
            rows.append({"case": result.name, "values": 0, "what": result.problem, "verdict": "FAIL"})
    return rows


def print_results(results: list[CaseResult], *, every_row: bool = False, style: str = "table") -> None:
    """Print one row per case (its worst value), or every compared value, as a table, JSON or CSV."""
    rows = _rows(results, every_row)
    columns = ["case", "values", "what", "error", "limit", "verdict"]
    if style == "json":
        print(json.dumps(rows, indent=1))
    elif style == "csv":
        writer = csv.DictWriter(sys.stdout, columns)
        writer.writeheader()
        writer.writerows(rows)
    else:
        table = Table(*["case", "compared", "worst", "error", "limit", "verdict"])
        for row in rows:
            numbers = [f"{row[n]:.2e}" if n in row else "-" for n in ("error", "limit")]
            table.add_row(row["case"], str(row["values"]), row["what"], *numbers, row["verdict"])
        plain_console(150).print(table)
