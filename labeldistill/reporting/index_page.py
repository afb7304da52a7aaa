"""The page of all reports: a timeline per metric of each study, and where it steps."""

from pathlib import Path

import numpy as np
import pandas as pd

from labeldistill.config.metrics import HEADLINE
from labeldistill.files import write_text
from labeldistill.reporting.history import History, histories
from labeldistill.reporting.pages import environment
from labeldistill.reporting.style import INK, Picture, colours, figure, markers, save
from labeldistill.statistics.change_points import FEWEST, PERMUTATIONS
from labeldistill.statistics.summary import summarise

MOST_UNITS = 8
"""A study of more units shows the first of these in its timeline."""


def write_index(reports: Path) -> Path:
    """Write `index.html` and the timelines' figures into a folder of reports.

    Raises:
        InputError: the folder can't be written.
    """
    found = histories(reports)
    folder = reports / "timelines"
    pictures = {history.study: _timeline(history, folder) for history in found if len(history.evidence) > 1}
    text = (
        environment(folder)
        .get_template("index.html")
        .render(
            histories=found,
            pictures=pictures,
            metrics=HEADLINE,
            contents=[(f"study-{history.study}", history.study) for history in found],
            permutations=PERMUTATIONS,
            fewest=FEWEST,
        )
    )
    page = reports / "index.html"
    write_text(page, text)
    return page


def _timeline(history: History, folder: Path) -> Picture:
    """Mean and t interval of each unit over the versions; a dashed line at each step."""
    versions = history.evidence
    units = [u for u in dict.fromkeys(unit for v in versions for unit in v.runs)][:MOST_UNITS]
    fig, axes = figure(9.0, 3.4, ncols=len(HEADLINE))
    tint, sign = colours(units), markers(units)
    rows: list[dict[str, object]] = []
    for axis, metric in zip(axes, HEADLINE, strict=True):
        for unit in units:
            places = [place for place, version in enumerate(versions) if version.runs.get(unit, {}).get(metric)]
            found = [summarise(versions[place].runs[unit][metric]) for place in places]
            low = [one.low if one.n > 1 else one.mean for one in found]
            high = [one.high if one.n > 1 else one.mean for one in found]
            axis.plot(places, [one.mean for one in found], color=tint[unit], marker=sign[unit], ms=4, label=unit)
            axis.fill_between(places, low, high, color=tint[unit], alpha=0.18, lw=0)
            rows += [
                {
                    "version": versions[p].name,
                    "unit": unit,
                    "metric": metric,
                    "n": s.n,
                    "mean": s.mean,
                    "low": a,
                    "high": b,
                }
                for p, s, a, b in zip(places, found, low, high, strict=True)
            ]
        names = [version.name for version in versions]
        for change in history.changes:
            if change.metric == metric and change.unit in units:
                axis.axvline(names.index(change.version) - 0.5, color=INK, ls="--", lw=1)
        axis.set_xticks(range(len(versions)), [str(n) for n in np.arange(1, len(versions) + 1)])
        axis.set_ylabel(f"{metric} (points)")
        axis.set_xlabel("version, as numbered below")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8)
    caption = "Mean of each unit with the band of its 95 % t interval over seeds; n stands in the CSV. Dashed: a step."
    picture = Picture(f"timeline-{history.study}", f"Timeline of study {history.study}", caption)
    return save(fig, folder, picture, pd.DataFrame(rows))
