"""The tidy table's columns, and its rows from the scores of one run."""

from collections.abc import Iterator, Mapping
from typing import Any

DOCUMENTED = ("study", "variant", "seed", "run_key", "status", "weights", "split", "metric", "class", "value")

COLUMNS = [*DOCUMENTED, "slice", "low", "high", "origin", "reason"]
"""One row a number.

variant: `teacher`, `label-encoder`, a variant; `<variant> (ingested)` for result files of other code bases and
`<variant> (adopted)` for checkpoints trained elsewhere.
metric: of a part of the split it is called `<metric>@<slice>`, so that no sum over whole-split scores catches it.
class: a detection class or `all`. Throughput rows have weights and split ``-``.
slice: which part of the split, for example `distance 0-20 m`; `all`: the whole split.
low, high: interval of this one run's number over scenes (bootstrap); empty where there is none.
origin: `own`, `ingested` or `adopted`. reason: why the run did not finish; empty otherwise.
"""

ALL = "all"
"""In column `slice`: the whole split."""

TRUTHS = "truths"
"""Metric of a slice: how many boxes were to be found in it."""


def rows_of_scores(about: Mapping[str, Any], scores: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of one `metrics.json` (see `evaluation.score_run`).

    Of a slice the overall metrics and each class's AP are kept; the file holds the rest. The slice `class` gives
    intervals to the rows that the classes have anyway.

    Args:
        about: columns that all rows share.
        scores: content of the file.
    """
    slices: list[dict[str, Any]] = scores.get("slices") or []
    of_class = {_place(row): row for row in slices if row["slice"] == "class"}
    whole = [
        {**about, "slice": ALL, **row, **_bounds(row), **_bounds(of_class.get(_place(row), {}))}
        for row in scores["rows"]
    ]
    return whole + list(_slice_rows(about, slices))


def _place(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return row["weights"], row["split"], row["metric"], row["class"]


def _bounds(row: Mapping[str, Any]) -> dict[str, Any]:
    return {side: row[side] for side in ("low", "high") if row.get(side) is not None}


def _slice_rows(about: Mapping[str, Any], slices: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in slices:
        if row["slice"] == "class" or (row["class"] != "all" and row["metric"] != "AP"):
            continue
        name = f"{row['slice']} {row['part']}"
        place = {**about, "weights": row["weights"], "split": row["split"], "class": row["class"], "slice": name}
        yield {**place, "metric": f"{row['metric']}@{name}", "value": row["value"], **_bounds(row)}
        if row["metric"] == "mAP":
            yield {**place, "metric": f"{TRUTHS}@{name}", "value": float(row["boxes"])}
