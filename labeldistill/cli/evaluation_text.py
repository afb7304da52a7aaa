"""How an evaluation is printed: a table for people, rows for programs."""

import csv
import json
import sys
from typing import Any

from labeldistill.cli.options import Format
from labeldistill.evaluation.evaluate import Evaluation

_METRICS = ("mAP", "NDS", "mATE", "mASE", "mAOE", "mAVE", "mAAE")


def print_evaluation(result: Evaluation, form: Format) -> None:
    """Print overall and per-class numbers, findings, the partial stamp and the slices."""
    if form is Format.table:
        _print_tables(result)
        return
    rows = [{"slice": "", "part": "", "metric": m, "class": c, "value": v} for m, c, v in result.metrics.rows()]
    rows += [{key: row[key] for key in ("slice", "part", "metric", "class", "value")} for row in result.slices]
    stamp = {"partial": result.partial is not None}
    if form is Format.json:
        clean = [{**row, **stamp, "value": None if row["value"] != row["value"] else row["value"]} for row in rows]
        print(json.dumps(clean, indent=1))
        return
    writer = csv.DictWriter(sys.stdout, [*rows[0], "partial"])
    writer.writeheader()
    writer.writerows({**row, **stamp} for row in rows)


def _print_tables(result: Evaluation) -> None:
    from rich.console import Console

    console = Console()
    if result.partial:
        console.print(
            f"PARTIAL evaluation ({', '.join(f'{len(v)} {k}' for k, v in result.partial.items())})", style="red"
        )
    console.print(_overall({metric: value for metric, name, value in result.metrics.rows() if name == "all"}))
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


def _overall(values: dict[str, float]) -> Any:
    table = _table(*_METRICS)
    table.add_row(*(f"{values[metric]:.4f}" for metric in _METRICS))
    return table


def _per_slice(rows: list[dict[str, Any]]) -> Any:
    table = _table("slice", "part", *_METRICS)
    for name, part, values in _slices(rows):
        table.add_row(name, part, *(f"{values[metric]:.3f}" for metric in _METRICS))
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
    """A table without frames: all of it fits into 80 columns."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 1))
    for column in columns:
        table.add_column(column, justify="left" if column in ("slice", "part", "class") else "right", no_wrap=True)
    return table
