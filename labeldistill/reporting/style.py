"""How every figure looks: one palette, one size, one way of saving."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import seaborn as sns

from labeldistill.files import written_whole

PALETTE = {"baseline": "#6b7280", "lidar-only": "#2563eb", "label-only": "#d97706", "full": "#059669"}
OTHERS = ("#7c3aed", "#db2777", "#0891b2", "#65a30d", "#b45309", "#475569")


def colours(variants: list[str]) -> dict[str, str]:
    """A colour a variant: the paper's four keep theirs, others follow in order."""
    rest = iter(OTHERS * 10)
    return {v: PALETTE.get(v) or next(rest) for v in variants}


def figure(width: float = 7.0, height: float = 3.6, **kwargs: Any) -> tuple[Any, Any]:
    """A figure with the house's theme (inches)."""
    sns.set_theme(style="whitegrid", context="notebook", font_scale=0.85)
    return plt.subplots(figsize=(width, height), layout="constrained", **kwargs)


def save(fig: Any, path: Path) -> Path:
    """Write a PNG at 130 dpi without time stamps, so that equal figures are equal files."""
    with written_whole(path) as temporary:
        fig.savefig(temporary, format="png", dpi=130, metadata={"Software": None})
    plt.close(fig)
    return path
