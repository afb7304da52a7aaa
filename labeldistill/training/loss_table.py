"""Losses of every optimiser step: kept in checkpoints, written as CSV when the run ends."""

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from labeldistill.files import write_text

LEADING = ("step", "epoch", "lr", "total")
TRAILING = ("grad_norm",)


class LossTable:
    """Rows of step (from 1), epoch (from 0), base learning rate, total, each term, gradient norm before clipping."""

    def __init__(self, terms: Sequence[str] = ()) -> None:
        self.terms = tuple(terms)
        self.rows: list[list[float]] = []

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return (*LEADING, *self.terms, *TRAILING)

    def add(self, row: Sequence[float]) -> None:
        """Append one row, in the order of `columns`."""
        self.rows.append(list(row))

    def state_dict(self) -> dict[str, list[str] | Tensor]:
        """State for a checkpoint."""
        return {"terms": list(self.terms), "rows": torch.tensor(self.rows, dtype=torch.float64)}

    def load_state_dict(self, state: dict[str, list[str] | Tensor]) -> None:
        """Resume from a checkpoint."""
        self.terms = tuple(str(term) for term in state["terms"])
        rows = state["rows"]
        self.rows = rows.tolist() if isinstance(rows, Tensor) else []

    def summary(self, rows: int = 20) -> dict[str, dict[str, float | None]]:
        """Mean of every loss over the first and the last `rows` steps; None where it is not finite."""
        names = ("total", *self.terms)
        at = [self.columns.index(name) for name in names]

        def mean(part: list[list[float]]) -> dict[str, float | None]:
            means = {name: sum(row[i] for row in part) / max(len(part), 1) for name, i in zip(names, at, strict=True)}
            return {name: value if math.isfinite(value) else None for name, value in means.items()}

        return {"first": mean(self.rows[:rows]), "last": mean(self.rows[-rows:])}

    def write(self, path: Path) -> None:
        """Write the whole CSV; nine digits reproduce a float32 exactly."""
        lines = [",".join(self.columns)]
        lines += [",".join(f"{value:.9g}" for value in row) for row in self.rows]
        write_text(path, "\n".join(lines) + "\n")
