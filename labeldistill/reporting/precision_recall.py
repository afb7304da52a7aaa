"""Precision over recall: by class, and by the distance at which a box counts as found."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from labeldistill.config.run_files import SCORES
from labeldistill.files import read_json
from labeldistill.geometry.classes import CLASSES
from labeldistill.records.gather_rows import FINISHED, outcome
from labeldistill.records.run_record import read_record
from labeldistill.reporting.style import Picture, colours, figure, save
from labeldistill.reporting.words import seeds_words
from labeldistill.study.plan import PlannedRun, StudyPlan

DETAILS = "metrics_details.json"
AT_M = 2.0
"""Threshold of the panels by class, where nuScenes takes its true positives."""
MOST_UNITS = 5
"""A study of more variants shows the baseline, the last one, and the first of the others."""
_EVERY = 5
"""Of the devkit's 101 recalls, one in this many is drawn."""

COLUMNS = ["unit", "seed", "class", "threshold_m", "recall", "precision"]


def curves_of(plan: StudyPlan, weights: str = "ema") -> pd.DataFrame:
    """Precision at 21 recalls of each class and threshold of every finished student run (columns: COLUMNS)."""
    variants = list(plan.study.variants)
    shown = list(dict.fromkeys([plan.study.baseline, variants[-1], *variants]))[:MOST_UNITS]
    parts = [
        _of_run(run, read_json(file))
        for run in plan.students
        if run.unit in shown and (file := plan.metrics(run) / weights / DETAILS).is_file() and _finished(plan, run)
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)


def _finished(plan: StudyPlan, run: PlannedRun) -> bool:
    record = read_record(run.record) if run.record.is_file() else None
    return outcome(record, read_json(plan.metrics(run) / SCORES))[0] == FINISHED


def _of_run(run: PlannedRun, details: dict[str, Any]) -> pd.DataFrame:
    rows: list[pd.DataFrame] = []
    for name, curve in details.items():
        class_, _, threshold = name.partition(":")
        precision = np.array(curve["precision"], dtype=float)[::_EVERY]
        about = {"unit": run.unit, "seed": run.seed, "class": class_, "threshold_m": float(threshold)}
        rows.append(pd.DataFrame({**about, "recall": np.linspace(0, 1, len(precision)), "precision": precision}))
    return pd.concat(rows, ignore_index=True)


def precision_recall(curves: pd.DataFrame, folder: Path) -> dict[str, Picture]:
    """One figure with a panel per class, one with a panel per threshold; the CSV of each has every class and threshold.

    Args:
        curves: see `curves_of`.
        folder: output folder.
    """
    runs = (
        curves.groupby(["unit", "seed", "class", "threshold_m", "recall"], sort=False)["precision"].mean().reset_index()
    )
    best = runs.groupby("class", sort=False)["precision"].max()
    classes = [name for name in CLASSES if best.get(name, 0.0) > 0]
    nothing = [name.replace("_", " ") for name in CLASSES if name in best and name not in classes]
    by_class = {
        name.replace("_", " "): runs[(runs["class"] == name) & (runs["threshold_m"] == AT_M)] for name in classes
    }
    by_threshold = {f"within {at:g} m": runs[runs["threshold_m"] == at] for at in sorted(set(runs["threshold_m"]))}
    n = seeds_words(runs.groupby("unit", sort=False)["seed"].nunique().max())
    band = f"mean over n = {n} of each, the band from the lowest to the highest run"
    left_out = f" Left out, because no run found one: {', '.join(nothing)}." if nothing else ""
    pictures = (
        Picture(
            "precision_recall",
            "Precision over recall of each class",
            f"Precision over recall of each class, a box counting as found within {AT_M:g} m: {band}.{left_out}",
        ),
        Picture(
            "precision_recall_thresholds",
            "Precision over recall at each distance threshold",
            f"Precision over recall at each of the four distances of a match, mean of the classes: {band}.",
        ),
    )
    table = _band(runs, ["unit", "class", "threshold_m", "recall"]).reset_index()
    for picture, panels in zip(pictures, (by_class, by_threshold), strict=True):
        _draw(panels, folder, picture, table)
    return {picture.name: picture for picture in pictures}


def _band(runs: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Mean, lowest and highest precision over runs."""
    return runs.groupby(by, sort=False)["precision"].agg(["mean", "min", "max", "size"])


def _draw(panels: dict[str, pd.DataFrame], folder: Path, picture: Picture, table: pd.DataFrame) -> None:
    columns = min(5, len(panels))
    rows = -(-len(panels) // columns)
    fig, axes = figure(
        2.1 * columns, 2.1 * rows + 0.3, ncols=columns, nrows=rows, squeeze=False, sharex=True, sharey=True
    )
    units = list(dict.fromkeys(table["unit"]))
    tint = colours(units)
    for axis, (title, runs) in zip(axes.flat, panels.items(), strict=False):
        per_run = runs.groupby(["unit", "seed", "recall"], sort=False)["precision"].mean().reset_index()
        for unit, band in _band(per_run, ["unit", "recall"]).groupby(level="unit", sort=False):
            recall = band.index.get_level_values("recall")
            axis.plot(recall, band["mean"], color=tint[str(unit)], lw=1.3, label=unit)
            axis.fill_between(recall, band["min"], band["max"], color=tint[str(unit)], alpha=0.18, lw=0)
        axis.set(xlim=(0, 1), ylim=(0, 1), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1), title=title)
    for axis in axes.flat[len(panels) :]:
        axis.remove()
    for axis in axes[:, 0]:
        axis.set_ylabel("precision")
    for axis in axes[-1]:
        axis.set_xlabel("recall")
    fig.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=len(units), fontsize=8)
    save(fig, folder, picture, table.rename(columns={"size": "n"}))
