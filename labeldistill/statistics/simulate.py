"""Simulate how often intervals cover and tests reject, and draw it: python -m labeldistill.statistics.simulate."""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import seaborn as sns

from labeldistill.files import written_whole
from labeldistill.statistics.claim_simulations import same_method_rates
from labeldistill.statistics.simulations import Rate, coverages, rejections, sequential_rates

PANELS: tuple[tuple[str, Callable[[float], Iterator[Rate]], float, tuple[float, float]], ...] = (
    ("95 % intervals: coverage", coverages, 0.95, (0.93, 0.97)),
    ("5 % tests where nothing is to be found", rejections, 0.05, (0.04, 0.06)),
    ("sequential rule: false verdicts", sequential_rates, 0.05, (0.0, 0.06)),
    ("the published method itself called BETTER or WORSE", same_method_rates, 0.05, (0.04, 0.06)),
)
"""Title, experiments, nominal rate, and band that the rates must lie in."""


def _draw(axis: Any, title: str, rates: list[Rate], nominal: float, band: tuple[float, float]) -> None:
    """One panel: one dot per simulation with two Monte-Carlo standard errors either way, over its band."""
    colours = sns.color_palette("colorblind")
    kinds = list(dict.fromkeys(rate.what for rate in rates))
    axis.axvspan(*(100 * bound for bound in band), color="#d1fae5", zorder=0)
    axis.axvline(100 * nominal, color="#047857", lw=1, zorder=1)
    for place, rate in enumerate(rates):
        colour = colours[kinds.index(rate.what) % len(colours)]
        axis.errorbar(100 * rate.rate, place, xerr=200 * rate.error, fmt="o", color=colour, capsize=3, ms=5)
    axis.set_yticks(range(len(rates)), [f"{rate.what}, {rate.setting}" for rate in rates])
    axis.invert_yaxis()
    axis.set_title(title)
    axis.set_xlabel("% of simulated experiments")


def draw(panels: list[list[Rate]], path: Path) -> None:
    """Write the figure (PNG, no time stamp)."""
    sns.set_theme(style="whitegrid", context="notebook", font_scale=0.8)
    heights = [len(rates) + 2 for rates in panels]
    fig, axes = plt.subplots(
        len(panels), figsize=(9.0, 0.32 * sum(heights)), layout="constrained", height_ratios=heights
    )
    for axis, (title, _, nominal, band), rates in zip(axes, PANELS, panels, strict=True):
        _draw(axis, title, rates, nominal, band)
    with written_whole(path) as temporary:
        fig.savefig(temporary, dpi=130, format="png", metadata={"Software": None})
    plt.close(fig)


def main() -> None:
    """Print every rate, then write the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/figures/coverage.png"), help="the figure (PNG)")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the number of experiments")
    chosen = parser.parse_args()
    panels: list[list[Rate]] = []
    for _, experiments, _, _ in PANELS:
        panels.append([])
        for rate in experiments(chosen.scale):
            panels[-1].append(rate)
            print(f"{rate.what:38s} {rate.setting:26s} {100 * rate.rate:6.2f} % ± {100 * rate.error:.2f}", flush=True)
    draw(panels, chosen.out)
    print(chosen.out)


if __name__ == "__main__":
    main()
