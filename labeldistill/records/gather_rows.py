"""The tidy table's columns, its rows from the scores of one run, and how a scored run ended."""

from collections.abc import Iterator, Mapping
from typing import Any

DOCUMENTED = ("study", "variant", "seed", "run_key", "status", "weights", "split", "metric", "class", "value")

COLUMNS = [*DOCUMENTED, "slice", "low", "high", "origin", "reason", "teacher"]
"""Columns of the table, which has one row per number.

variant: `teacher`, `label-encoder`, a variant; `<variant> (ingested)` for result files of other code bases and
`<variant> (adopted)` for checkpoints trained elsewhere.
metric: for a part of the split `<metric>@<slice>`, so that aggregates over whole-split scores do not include it.
class: a detection class or `all`. Throughput rows have weights and split ``-``.
slice: part of the split, for example `distance 0-20 m`; `all`: the whole split.
low, high: interval of this run's number over scenes (bootstrap); empty without one.
origin: `own`, `ingested` or `adopted`. reason: why the run did not finish; empty otherwise.
teacher: seed of the teacher that a student learnt from; empty where it had none, or where that is not known.
"""

ALL = "all"
"""In column `slice`: the whole split."""

TRUTHS = "truths"
"""Metric of a slice: number of annotated boxes in it."""

FINISHED = "finished"
DIVERGED = "diverged"


def rows_of_scores(about: Mapping[str, Any], scores: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of one `metrics.json` (see `evaluation.score_run`).

    For slices, only overall metrics and the AP of each class are kept; the file has the rest. The slice `class` only
    adds intervals to the rows of classes.

    Args:
        about: values of the columns that all rows share.
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


def outcome(record: Mapping[str, Any] | None, scores: Mapping[str, Any]) -> tuple[str, str]:
    """Status of a scored run and, unless finished, the reason in words.

    Its record reports on training, its scores on whether the predictions are valid boxes.

    Args:
        record: record of the training run; None for an ingested run.
        scores: content of its `metrics.json`.
    """
    if record is not None and record["status"] != FINISHED:
        return str(record["status"]), str(record.get("reason") or "")
    broken: Mapping[str, str] = scores.get("diverged") or {}
    if broken:
        return DIVERGED, "; ".join(f"predictions of {weights} weights: {why}" for weights, why in broken.items())
    return FINISHED, ""
