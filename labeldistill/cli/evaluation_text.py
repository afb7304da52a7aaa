"""Printing an evaluation: a table for people, rows for programs."""

import csv
import json
import sys
from typing import Any

from labeldistill.cli.options import Format
from labeldistill.config.metrics import METRICS
from labeldistill.evaluation.result import Evaluation


def print_evaluation(result: Evaluation, form: Format) -> None:
    """Print overall and per-class numbers, findings, the partial stamp and the slices."""
    if form is Format.table:
        _print_tables(result)
        return
    rows = _rows(result)
    stamp = {"partial": result.partial is not None}
    if form is Format.json:
        clean = [{key: None if value != value else value for key, value in {**row, **stamp}.items()} for row in rows]
        print(json.dumps(clean, indent=1))
        return
    writer = csv.DictWriter(sys.stdout, [*rows[0], "partial"])
    writer.writeheader()
    writer.writerows({**row, **stamp} for row in rows)


def _rows(result: Evaluation) -> list[dict[str, Any]]:
    """Rows of slice, part, metric, class, value, and low, high (None without one) if intervals were asked for."""
    keys = ("slice", "part", "metric", "class", "value", *(("low", "high") if result.intervals else ()))
    whole = [{"slice": "", "part": "", "metric": m, "class": c, "value": v} for m, c, v in result.metrics.rows()]
    for row in whole:
        if row["class"] == "all" and row["metric"] in result.intervals:
            row["low"], row["high"] = result.intervals[row["metric"]]
    return [{key: row.get(key) for key in keys} for row in [*whole, *result.slices]]


def _print_tables(result: Evaluation) -> None:
    from labeldistill.cli.console import plain_console

    console = plain_console()
    if result.partial:
        console.print(
            f"PARTIAL evaluation ({', '.join(f'{len(v)} {k}' for k, v in result.partial.items())})", style="red"
        )
    console.print(_overall(result))
    console.print(_per_class(result))
    if any(row["class"] == "all" for row in result.slices):
        console.print(_per_slice(result.slices))
    if result.agreement is not None:
        console.print(f"The devkit agrees: largest difference {result.agreement.difference:.1e}")
    for finding in result.findings:
        console.print(f"Finding: {finding}", style="red")


def _slices(rows: list[dict[str, Any]]) -> list[tuple[str, str, dict[str, float]]]:
    parts: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows:
        if row["class"] == "all":
            parts.setdefault((row["slice"], row["part"]), {})[row["metric"]] = row["value"]
    return [(name, part, values) for (name, part), values in parts.items()]


def _overall(result: Evaluation) -> Any:
    values = {metric: value for metric, name, value in result.metrics.rows() if name == "all"}
    if not result.intervals:
        table = _table(*METRICS)
        table.add_row(*(f"{values[metric]:.4f}" for metric in METRICS))
        return table
    table = _table("95 %", *METRICS)
    table.add_row("", *(f"{values[metric]:.4f}" for metric in METRICS))
    for side, name in enumerate(("from", "to")):
        bounds = [result.intervals[metric][side] if metric in result.intervals else None for metric in METRICS]
        table.add_row(name, *("-" if bound is None else f"{bound:.4f}" for bound in bounds))
    return table


def _per_slice(rows: list[dict[str, Any]]) -> Any:
    table = _table("slice", "part", *METRICS)
    for name, part, values in _slices(rows):
        table.add_row(name, part, *(f"{values[metric]:.3f}" for metric in METRICS))
    bounds = {(row["slice"], row["part"], row["metric"]): row for row in rows if "low" in row and row["class"] == "all"}
    for name, part in dict.fromkeys(key[:2] for key in bounds):
        for side in ("low", "high"):
            found = [bounds.get((name, part, metric), {}).get(side) for metric in METRICS]
            table.add_row(f"{name} {side}", part, *("-" if v is None else f"{v:.3f}" for v in found))
    return table


def _per_class(result: Evaluation) -> Any:
    metrics = ("AP", "ATE", "ASE", "AOE", "AVE", "AAE")
    values = {(metric, name): value for metric, name, value in result.metrics.rows()}
    table = _table("class", "boxes", *metrics)
    for name in result.metrics.label_aps:
        numbers = [values[metric, name] for metric in metrics]
        boxes = str(int(result.matches.truth_count(name).sum()))
        table.add_row(name, boxes, *("-" if v != v else f"{v:.3f}" for v in numbers))
    return table


def _table(*columns: str) -> Any:
    """A table without frames that fits into 80 columns."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 1))
    for column in columns:
        table.add_column(column, justify="left" if column in ("slice", "part", "class") else "right", no_wrap=True)
    return table
