"""The figures of a study's report: scores over seeds, paired deltas, classes, loss curves, throughput."""

from pathlib import Path
from typing import Any

import pandas as pd
import seaborn as sns

from labeldistill.config.metrics import HEADLINE
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.reporting.style import colours, figure, save

SIDE_BY_SIDE = 8
"""More names than these stand upright below an axis."""


def _name(axis: Any, variants: list[str]) -> None:
    upright = len(variants) > SIDE_BY_SIDE
    axis.set_xticks(range(len(variants)), variants, rotation=90 if upright else 20 if len(variants) > 4 else 0)


def _below(variants: list[str]) -> float:
    """Inches that upright names add to a figure."""
    return 1.4 if len(variants) > SIDE_BY_SIDE else 0.0


def scores(tables: StudyTables, path: Path) -> Path:
    """Every run's mAP and NDS as a point, with mean and 95 % t interval per variant."""
    variants = list(tables.variants)
    fig, axes = figure(9.0, 3.6 + _below(variants), ncols=2)
    tint = colours(variants)
    for axis, metric in zip(axes, HEADLINE, strict=True):
        for place, variant in enumerate(variants):
            summary = tables.summary(variant, metric)
            axis.scatter([place] * summary.n, summary.values, color=tint[variant], alpha=0.55, s=28, zorder=3)
            if summary.n > 1:
                half = summary.high - summary.mean
                axis.errorbar(place + 0.22, summary.mean, half, fmt="D", color=tint[variant], capsize=4, ms=5)
        _name(axis, variants)
        axis.set_ylabel(metric)
        axis.set_xlim(-0.5, len(variants) - 0.3)
    fig.suptitle(f"Every run (dots), mean and 95 % interval over seeds (diamonds), {tables.weights} weights")
    return save(fig, path)


def deltas(tables: StudyTables, path: Path) -> Path:
    """Difference to the baseline on each shared seed; lines join a seed's variants."""
    others = [v for v in tables.variants if v != tables.baseline]
    fig, axes = figure(9.0, 3.4 + _below(others), ncols=2)
    for axis, metric in zip(axes, HEADLINE, strict=True):
        rows = [{"variant": v, "seed": str(s), "delta": d} for v in others for s, d in tables.deltas(v, metric).items()]
        data = pd.DataFrame(rows).dropna()
        axis.axhline(0, color="#374151", lw=1)
        if not data.empty:
            order = sorted(data["seed"].unique(), key=int)
            sns.pointplot(
                data,
                x="variant",
                y="delta",
                hue="seed",
                hue_order=order,
                ax=axis,
                palette="viridis",
                lw=1,
                markersize=5,
            )
            sns.move_legend(axis, "upper left", bbox_to_anchor=(1.0, 1.0), title="seed")
            _name(axis, list(data["variant"].unique()))
        axis.set_xlabel("")
        axis.set_ylabel(f"{metric} - {metric} of {tables.baseline}")
    fig.suptitle("Paired difference to the baseline, seed by seed")
    return save(fig, path)


def per_class(tables: StudyTables, path: Path) -> Path:
    """Mean AP of each class and unit as a heatmap."""
    table = tables.per_class("AP")
    fig, axis = figure(1.6 + 1.05 * len(table.columns), 0.6 + 0.33 * len(table))
    sns.heatmap(table, annot=True, fmt=".2f", cmap="mako", vmin=0, vmax=1, ax=axis, cbar=False, linewidths=0.5)
    axis.set(xlabel="", ylabel="")
    axis.set_title(f"AP per class, mean over seeds, {tables.weights} weights")
    return save(fig, path)


def slices(tables: StudyTables, path: Path) -> Path:
    """mAP of each part of the split, mean and t interval over seeds; a panel a criterion."""
    criteria = tables.slices()
    widths = [max(2, len(parts)) for parts in criteria.values()]
    units = list(tables.judged())
    width = 1.6 + 0.22 * sum(widths) * max(3, len(units))
    fig, axes = figure(
        min(width, 13.0), 3.4, ncols=len(criteria), squeeze=False, sharey=True, gridspec_kw={"width_ratios": widths}
    )
    tint = colours(units)
    for axis, (criterion, parts) in zip(axes[0], criteria.items(), strict=True):
        for number, unit in enumerate(units):
            shift = (number - (len(units) - 1) / 2) * 0.7 / len(units)
            found = [tables.summary(unit, f"mAP@{part}") for part in parts]
            places = [place + shift for place, one in enumerate(found) if one.n]
            means = [one.mean for one in found if one.n]
            halves = [one.high - one.mean if one.n > 1 else 0.0 for one in found if one.n]
            axis.errorbar(places, means, halves, fmt="o", ms=4, capsize=2, lw=1, color=tint[unit], label=unit)
        names = [part.removeprefix(f"{criterion} ").removesuffix(" points") for part in parts]
        axis.set_xticks(range(len(parts)), names, rotation=30 if len(parts) > 3 else 0)
        axis.set_title(criterion.replace("_", " "))
    axes[0][0].set_ylabel("mAP")
    axes[0][0].set_ylim(bottom=0)
    fig.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=len(units), fontsize=8)
    fig.suptitle(f"Parts of the split, mean and interval over seeds, {tables.weights} weights")
    return save(fig, path)


def loss_curves(losses: pd.DataFrame, path: Path) -> Path:
    """Each loss term over steps (weighted, smoothed over 5 % of the run), mean over seeds; one panel per term."""
    terms = list(dict.fromkeys(losses["term"]))
    fig, axes = figure(3.1 * len(terms), 3.1, ncols=len(terms), squeeze=False)
    tint = colours(list(dict.fromkeys(losses["variant"])))
    for axis, term in zip(axes[0], terms, strict=True):
        for variant, rows in losses[losses["term"] == term].groupby("variant", sort=False):
            mean = rows.groupby("step")["value"].mean()
            window = max(1, len(mean) // 20)
            axis.plot(mean.index, mean.rolling(window, min_periods=1).mean(), color=tint[str(variant)], label=variant)
        axis.set_title(term)
        axis.set_xlabel("step")
        axis.set_yscale("log")
    axes[0][0].legend(fontsize=8)  # every variant has the first term, detection
    return save(fig, path)


def throughput(tables: StudyTables, path: Path) -> Path:
    """Training speed and inference latency of each variant, measured in one process."""
    table = tables.throughput()
    wanted = [c for c in ("train_samples_per_s", "latency_median_ms") if c in table]
    fig, axes = figure(4.2 * max(1, len(wanted)), 2.8, ncols=max(1, len(wanted)), squeeze=False)
    tint = colours([str(v) for v in table.index])
    for axis, column in zip(axes[0], wanted, strict=False):
        axis.barh([str(v) for v in table.index], table[column], color=[tint[str(v)] for v in table.index])
        axis.invert_yaxis()
        axis.set_xlabel(column.replace("_", " "))
    return save(fig, path)
