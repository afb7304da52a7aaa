"""Figures of the training itself: loss terms over steps, speed."""

from pathlib import Path

import numpy as np
import pandas as pd

from labeldistill.reporting.study_tables import StudyTables
from labeldistill.reporting.style import Picture, colours, figure, save
from labeldistill.reporting.words import measured_words, seeds_words

SMOOTHED = 20
"""Curves are means over one of this many parts of a run."""


def loss_curves(losses: pd.DataFrame, folder: Path) -> Picture:
    """Each weighted loss term over steps: mean over seeds with the range of the seeds; one panel per term."""
    terms = list(dict.fromkeys(losses["term"]))
    columns = min(3, len(terms))
    fig, axes = figure(
        3.2 * columns, 2.9 * -(-len(terms) // columns), ncols=columns, nrows=-(-len(terms) // columns), squeeze=False
    )
    tint = colours(list(dict.fromkeys(losses["variant"])))
    drawn: list[pd.DataFrame] = []
    for axis, term in zip(axes.flat, terms, strict=False):
        for variant, rows in losses[losses["term"] == term].groupby("variant", sort=False):
            band = _band(rows)
            axis.plot(band["step"], band["mean"], color=tint[str(variant)], label=variant, lw=1.4)
            axis.fill_between(band["step"], band["low"], band["high"], color=tint[str(variant)], alpha=0.18, lw=0)
            drawn.append(band.assign(term=term, variant=variant))
        axis.set_title(str(term).replace("_", " "))
        axis.set_xlabel("step")
        axis.set_yscale("log")
    for axis in axes.flat[len(terms) :]:
        axis.remove()
    axes[0][0].set_ylabel("weighted loss")
    fig.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8)
    n = seeds_words(losses["seed"].nunique(), "seed")
    caption = (
        f"Loss terms, weighted as in training: mean over {n}, the band from the lowest to the highest seed, each "
        f"smoothed over {100 // SMOOTHED} % of the run."
    )
    return save(fig, folder, Picture("losses", "Loss terms over training steps", caption), pd.concat(drawn))


def _band(rows: pd.DataFrame) -> pd.DataFrame:
    """Step, mean, low and high over seeds of one term of one variant; at most 200 steps of it."""
    by_step = rows.pivot_table(index="step", columns="seed", values="value")
    smooth = by_step.rolling(max(1, len(by_step) // SMOOTHED), min_periods=1).mean()
    smooth = smooth.iloc[np.unique(np.linspace(0, len(smooth) - 1, 200).round().astype(int))]
    found = {"mean": smooth.mean(axis=1), "low": smooth.min(axis=1), "high": smooth.max(axis=1)}
    return pd.DataFrame(found).rename_axis("step").reset_index()


def throughput(tables: StudyTables, folder: Path) -> Picture:
    """Training speed and inference latency of each variant, measured in one process."""
    table = tables.throughput()
    wanted = [c for c in ("train_samples_per_s", "latency_median_ms") if c in table]
    units = [str(unit) for unit in table.index]
    fig, axes = figure(4.4 * len(wanted), 0.9 + 0.32 * len(units), ncols=len(wanted), squeeze=False, sharey=True)
    tint = colours(units)
    for axis, column in zip(axes[0], wanted, strict=True):
        bars = axis.barh(units, table[column], color=[tint[unit] for unit in units])
        axis.bar_label(bars, fmt="%.3g", padding=3, fontsize=8)
        axis.set_xlabel(measured_words(column))
        axis.grid(visible=False, axis="y")
        axis.margins(x=0.12)
    axes[0][0].invert_yaxis()
    caption = "One measurement of each unit, all in one process: differences of a few percent are noise."
    picture = Picture("throughput", "Training speed and latency of each unit", caption)
    return save(fig, folder, picture, table[wanted].reset_index())
