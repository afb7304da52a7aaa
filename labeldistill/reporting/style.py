"""How every figure looks: one palette safe for colour-blind readers, one size, one way of saving."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

from labeldistill.files import written_whole

# After Okabe and Ito (2008), darkened where a tone had less than 3:1 against a white or a dark page.
PALETTE = {"baseline": "#767b85", "lidar-only": "#2b7bba", "label-only": "#d55e00", "full": "#009e73"}
OTHERS = ("#b4679b", "#8f7a00", "#3f93c4", "#9a6a4f", "#6f7fd0", "#b45c5c")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
FORMATS = ("svg", "png", "csv")
"""What lies of each figure in a report's folder."""
INK, GRID = "#1b2430", "#d5dae1"
"""Text and lines of a figure; on a page they take the page's own colours (see `inline_svg`)."""

_THEME = {
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "axes.titlesize": "medium",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "white",
    "grid.color": GRID,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "svg.fonttype": "none",  # words stay words: found by a search, read by a screen reader
    "svg.hashsalt": "labeldistill",  # equal figures are equal files
}


@dataclass(frozen=True)
class Picture:
    """A figure of a page: `name` of its files, and what it shows, for those who can't see it and those who can."""

    name: str
    alt: str
    caption: str


def colours(variants: list[str]) -> dict[str, str]:
    """A colour for each variant: the paper's four keep theirs, others follow in order."""
    rest = iter(OTHERS * 10)
    return {v: PALETTE.get(v) or next(rest) for v in variants}


def markers(variants: Sequence[str]) -> dict[str, str]:
    """A marker for each variant, so that colour is never the only sign."""
    return {variant: MARKERS[place % len(MARKERS)] for place, variant in enumerate(variants)}


def figure(width: float = 7.0, height: float = 3.6, **kwargs: Any) -> tuple[Any, Any]:
    """A figure with the house's theme (inches)."""
    sns.set_theme(style="whitegrid", context="notebook", font_scale=0.85, rc=_THEME)
    return plt.subplots(figsize=(width, height), layout="constrained", **kwargs)


def save(fig: Any, folder: Path, picture: Picture, data: pd.DataFrame) -> Picture:
    """Write a figure as SVG and PNG (130 dpi) without time stamps, and its numbers as CSV beside them.

    Args:
        fig: the figure, which is closed.
        folder: output folder.
        picture: its name and texts.
        data: its numbers.
    """
    saved: dict[str, dict[str, Any]] = {
        "png": {"dpi": 130, "metadata": {"Software": None}},
        "svg": {"metadata": {"Date": None, "Creator": None}},
    }
    for format, options in saved.items():
        with written_whole(folder / f"{picture.name}.{format}") as temporary:
            fig.savefig(temporary, format=format, **options)
    plt.close(fig)
    with written_whole(folder / f"{picture.name}.csv") as temporary:
        data.to_csv(temporary, index=False, float_format="%.6g")
    return picture


def inline_svg(svg: str, name: str) -> str:
    """An SVG of `save` as part of a page: ids of its own, the page's colours, as wide as there is room.

    Args:
        svg: the file's text.
        name: of the figure, unique on the page.
    """
    text = svg[svg.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    text = re.sub(r'xlink:href="#([^"]+)"', rf'xlink:href="#{name}-\1"', text)
    for colour, variable in (
        (INK, "var(--ink)"),
        (GRID, "var(--line)"),
        ("#ffffff", "var(--paper)"),
        ("white", "var(--paper)"),
    ):
        text = re.sub(rf"(fill|stroke): {colour}\b", rf"\1: {variable}", text)
    return re.sub(
        r'^<svg (.*?)width="([\d.]+)pt" height="[\d.]+pt"',
        r'<svg \1aria-hidden="true" style="max-width: \2pt"',
        text,
        count=1,
        flags=re.DOTALL,
    )
