"""Figures of classes: the average precision of each, as numbers and with intervals."""

from pathlib import Path

import pandas as pd
import seaborn as sns

from labeldistill.config.metrics import HEADLINE
from labeldistill.reporting.score_figures import SIDE_BY_SIDE, counts_words, interval_words
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.reporting.style import Picture, colours, figure, markers, save


def per_class(tables: StudyTables, folder: Path) -> Picture:
    """Mean AP of each class and unit as a heatmap."""
    table = tables.per_class("AP")
    fig, axis = figure(1.6 + 1.05 * len(table.columns), 0.9 + 0.33 * len(table))
    named = table.rename(index=lambda name: str(name).replace("_", " ")) * 100
    sns.heatmap(named, annot=True, fmt=".0f", cmap="cividis", vmin=0, vmax=100, ax=axis, cbar=False, linewidths=0.5)
    axis.set(xlabel="", ylabel="")
    axis.tick_params(axis="x", rotation=90 if len(table.columns) > SIDE_BY_SIDE else 0)
    n = counts_words([tables.summary(str(unit), HEADLINE[0]).n for unit in table.columns])
    caption = f"Average precision of each class (points), mean over runs; {n}, {tables.weights.upper()} weights."
    picture = Picture("per_class", "Average precision of each class and unit", caption)
    return save(fig, folder, picture, table.reset_index())


def class_intervals(tables: StudyTables, folder: Path) -> Picture:
    """AP of each class with its t interval over seeds, unit beside unit."""
    classes = [str(name) for name in tables.per_class("AP").index]
    units = [unit for unit in tables.judged() if tables.summary(unit, HEADLINE[0]).n]
    fig, axis = figure(max(7.0, 0.9 + 0.2 * len(classes) * max(3, len(units))), 3.4)
    tint, sign = colours(units), markers(units)
    rows: list[dict[str, object]] = []
    for number, unit in enumerate(units):
        shift = (number - (len(units) - 1) / 2) * 0.7 / len(units)
        found = {name: tables.summary(unit, "AP", name) for name in classes}
        there = [(place + shift, found[name]) for place, name in enumerate(classes) if found[name].n]
        halves = [(one.high - one.mean) * 100 if one.n > 1 else 0.0 for _, one in there]
        places, means = [place for place, _ in there], [one.mean * 100 for _, one in there]
        axis.errorbar(places, means, halves, fmt=sign[unit], ms=4, capsize=2, lw=1, color=tint[unit], label=unit)
        rows += [
            {"unit": unit, "class": name, "n": one.n}
            | {bound: getattr(one, bound) * 100 for bound in ("mean", "low", "high")}
            for name, one in found.items()
            if one.n
        ]
    axis.set_xticks(range(len(classes)), [name.replace("_", " ") for name in classes], rotation=30)
    axis.set_ylabel("AP (points)")
    axis.set_ylim(0, min(100, axis.get_ylim()[1]))  # an interval of two runs may be wider than any score
    axis.grid(visible=False, axis="x")
    fig.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=min(8, len(units)), fontsize=8)
    n = counts_words([tables.summary(unit, HEADLINE[0]).n for unit in units])
    caption = (
        f"Average precision of each class, mean and {interval_words(tables)}, not corrected for the number of classes; "
        f"{n}, {tables.weights.upper()} weights."
    )
    picture = Picture("class_intervals", "Average precision of each class with intervals", caption)
    return save(fig, folder, picture, pd.DataFrame(rows))
