"""Figures of scores: every run with its mean, differences to the baseline, parts of the split."""

from pathlib import Path
from typing import Any

import pandas as pd

from labeldistill.config.metrics import HEADLINE
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.reporting.style import INK, Picture, colours, figure, markers, save
from labeldistill.reporting.words import seeds_words
from labeldistill.statistics.summary import summarise

SIDE_BY_SIDE = 8
"""More names than these stand upright below an axis."""


def _name(axis: Any, variants: list[str]) -> None:
    upright = len(variants) > SIDE_BY_SIDE
    axis.set_xticks(range(len(variants)), variants, rotation=90 if upright else 20 if len(variants) > 4 else 0)
    axis.set_xlim(-0.5, len(variants) - 0.5)
    axis.grid(visible=False, axis="x")


def _below(variants: list[str]) -> float:
    """Inches that upright names add to a figure."""
    return 1.4 if len(variants) > SIDE_BY_SIDE else 0.0


def counts_words(numbers: list[int], noun: str = "run") -> str:
    """`n = 6 runs of each`, or from fewest to most."""
    low, high = min(numbers, default=0), max(numbers, default=0)
    return f"n = {seeds_words(high, noun)} each" if low == high else f"n = {low} to {seeds_words(high, noun)}"


def interval_words(tables: StudyTables) -> str:
    """What the intervals of a figure are."""
    return f"{tables.confidence * 100:g} % t interval over seeds"


def scores(tables: StudyTables, folder: Path) -> Picture:
    """Every run's mAP and NDS as a point, with mean and t interval per variant."""
    variants = [unit for unit in tables.variants if tables.summary(unit, HEADLINE[0]).n]
    fig, axes = figure(9.0, 3.6 + _below(variants), ncols=len(HEADLINE))
    tint, sign = colours(variants), markers(variants)
    rows: list[dict[str, object]] = []
    for axis, metric in zip(axes, HEADLINE, strict=True):
        for place, variant in enumerate(variants):
            found = tables.summary(variant, metric)
            points = [value * 100 for value in found.values]
            axis.scatter([place - 0.12] * found.n, points, color=tint[variant], alpha=0.6, s=26, marker=sign[variant])
            if found.n > 1:
                half = (found.high - found.mean) * 100
                axis.errorbar(place + 0.14, found.mean * 100, half, fmt="_", color=INK, capsize=4, ms=11, lw=1.4)
            finite = {seed: value for seed, value in tables.values(variant, metric).items() if value == value}
            rows += [
                {"variant": variant, "metric": metric, "seed": seed, "points": value * 100}
                for seed, value in finite.items()
            ]
        _name(axis, variants)
        axis.set_ylabel(f"{metric} (points)")
    n = counts_words([tables.summary(variant, HEADLINE[0]).n for variant in variants])
    upper = tables.weights.upper()
    caption = f"Every run (coloured marks) and, in dark, mean and {interval_words(tables)}; {n}, {upper} weights."
    picture = Picture("scores", "mAP and NDS of every run of each variant, with mean and interval", caption)
    return save(fig, folder, picture, pd.DataFrame(rows))


def deltas(tables: StudyTables, folder: Path) -> Picture:
    """Difference to the baseline on each shared seed, with mean and t interval of the pairs."""
    others = [v for v in tables.variants if v != tables.baseline and _pairs(tables, v, HEADLINE[0])]
    fig, axes = figure(9.0, 3.4 + _below(others), ncols=len(HEADLINE))
    tint, sign = colours(list(tables.variants)), markers(list(tables.variants))
    rows: list[dict[str, object]] = []
    for axis, metric in zip(axes, HEADLINE, strict=True):
        axis.axhline(0, color=INK, lw=1)
        for place, variant in enumerate(others):
            pairs = _pairs(tables, variant, metric)
            axis.scatter(
                [place - 0.12] * len(pairs), list(pairs.values()), color=tint[variant], s=26, marker=sign[variant]
            )
            found = summarise(list(tables.deltas(variant, metric).values()), confidence=tables.confidence)
            if found.n > 1:
                half = (found.high - found.mean) * 100
                axis.errorbar(place + 0.14, found.mean * 100, half, fmt="_", color=INK, capsize=4, ms=11, lw=1.4)
            rows += [
                {"variant": variant, "metric": metric, "seed": seed, "difference_points": value}
                for seed, value in pairs.items()
            ]
        _name(axis, others)
        axis.set_ylabel(f"{metric} less that of {tables.baseline} (points)")
    n = counts_words([len(_pairs(tables, variant, HEADLINE[0])) for variant in others], "pair")
    caption = (
        f"Difference to {tables.baseline} on the same seed (coloured marks) and, in dark, its mean and "
        f"{interval_words(tables)}, not corrected for the number of comparisons; {n}."
    )
    return save(fig, folder, Picture("deltas", f"Paired differences to {tables.baseline}", caption), pd.DataFrame(rows))


def _pairs(tables: StudyTables, variant: str, metric: str) -> dict[int, float]:
    """Finite differences to the baseline by seed, in points."""
    found = tables.deltas(variant, metric)
    return {seed: value * 100 for seed, value in found.items() if value == value}


def slices(tables: StudyTables, folder: Path) -> Picture:
    """mAP of each part of the split, mean and t interval over seeds; one panel per criterion."""
    criteria = tables.slices()
    widths = [max(2, len(parts)) for parts in criteria.values()]
    units = [unit for unit in tables.judged() if tables.summary(unit, HEADLINE[0]).n]
    width = 1.6 + 0.22 * sum(widths) * max(3, len(units))
    fig, axes = figure(
        min(width, 13.0), 3.6, ncols=len(criteria), squeeze=False, sharey=True, gridspec_kw={"width_ratios": widths}
    )
    tint, sign = colours(units), markers(units)
    rows: list[dict[str, object]] = []
    for axis, (criterion, parts) in zip(axes[0], criteria.items(), strict=True):
        for number, unit in enumerate(units):
            shift = (number - (len(units) - 1) / 2) * 0.7 / len(units)
            found = [(part, tables.summary(unit, f"mAP@{part}")) for part in parts]
            shown = [(place + shift, one) for place, (_, one) in enumerate(found) if one.n]
            halves = [(one.high - one.mean) * 100 if one.n > 1 else 0.0 for _, one in shown]
            axis.errorbar(
                [place for place, _ in shown],
                [one.mean * 100 for _, one in shown],
                halves,
                fmt=sign[unit],
                ms=4,
                capsize=2,
                lw=1,
                color=tint[unit],
                label=unit,
            )
            rows += [_slice_row(unit, part, one) for part, one in found if one.n]
        names = [part.removeprefix(f"{criterion} ").removesuffix(" points") for part in parts]
        axis.set_xticks(range(len(parts)), names, rotation=30 if len(parts) > 3 else 0)
        axis.set_title(criterion.replace("_", " "))
        axis.grid(visible=False, axis="x")
    axes[0][0].set_ylabel("mAP (points)")
    axes[0][0].set_ylim(0, min(100, axes[0][0].get_ylim()[1]))
    fig.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=len(units), fontsize=8)
    n = counts_words([tables.summary(unit, HEADLINE[0]).n for unit in units])
    upper = tables.weights.upper()
    caption = f"mAP on each part of the split, mean and {interval_words(tables)}; {n}, {upper} weights."
    return save(fig, folder, Picture("slices", "mAP of every part of the split", caption), pd.DataFrame(rows))


def _slice_row(unit: str, part: str, found: Any) -> dict[str, object]:
    points = {name: getattr(found, name) * 100 for name in ("mean", "low", "high")}
    return {"variant": unit, "part": part, "n": found.n, **points}
