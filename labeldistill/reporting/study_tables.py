"""The tables of a study's report, computed from the tidy table: main, deltas per seed, per class, throughput."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from labeldistill.config.methods import FIXED_UNITS
from labeldistill.config.metrics import HEADLINE, METRICS
from labeldistill.records.gather_rows import ALL, TRUTHS
from labeldistill.statistics.summary import Summary, paired_differences, summarise
from labeldistill.study.apart import APART, is_apart, label, origin_of

NO_TEACHER = -1
"""In place of an empty `teacher` while rows are sorted."""


@dataclass(frozen=True)
class StudyTables:
    """Views of one study's tidy table; `weights` selects raw or EMA scores, `confidence` is that of intervals."""

    table: pd.DataFrame
    variants: tuple[str, ...]
    baseline: str
    weights: str = "ema"
    confidence: float = 0.95

    @cached_property
    def _of_unit(self) -> dict[str, pd.DataFrame]:
        """Rows of each unit, found once: a page asks for thousands of numbers."""
        return {str(unit): rows for unit, rows in self.table.groupby("variant", sort=False)}

    def values(self, variant: str, metric: str, class_: str = "all", weights: str | None = None) -> dict[int, float]:
        """Value per seed of one metric of one unit; with several teachers their mean.

        Args:
            variant: name of the unit.
            metric: name of the metric.
            class_: detection class, or "all".
            weights: "raw" or "ema"; None: those of the tables.

        Returns:
            Seed -> value; NaN if a run has none or diverged.
        """
        found = self.by_teacher(variant, metric, class_, weights)
        return {seed: float(np.mean(list(of.values()))) for seed, of in found.items()}

    def by_teacher(
        self, variant: str, metric: str, class_: str = "all", weights: str | None = None
    ) -> dict[int, dict[int | None, float]]:
        """Values of one metric of one unit by seed and teacher.

        Args:
            variant: name of the unit.
            metric: name of the metric.
            class_: detection class, or "all".
            weights: "raw" or "ema"; None: those of the tables.

        Returns:
            Seed -> seed of the teacher (None if there was none or it is unknown) -> value; NaN for a run without one.
        """
        rows = self._of_unit.get(variant, self.table.iloc[:0])
        teachers = rows["teacher"] if "teacher" in rows else pd.Series(pd.NA, rows.index, dtype="Int64")
        rows = rows.assign(teacher=teachers.astype("Int64").fillna(NO_TEACHER))
        runs = rows[["seed", "teacher"]].drop_duplicates().sort_values(["seed", "teacher"])
        scored = rows[
            (rows["metric"] == metric)
            & (rows["class"] == class_)
            & (rows["weights"].isin([weights or self.weights, "-"]))
            & (rows["status"] == "finished")
        ]
        # a variant's overrides may need a separate teacher; the study's own comes first
        scored = scored.drop_duplicates(["seed", "teacher"])
        known = dict(zip(zip(scored["seed"], scored["teacher"], strict=True), scored["value"], strict=True))
        found: dict[int, dict[int | None, float]] = {}
        for seed, teacher in runs.itertuples(index=False):
            named = None if teacher == NO_TEACHER else int(teacher)
            found.setdefault(int(seed), {})[named] = float(known.get((seed, teacher), float("nan")))
        return found

    def summary(self, variant: str, metric: str, class_: str = "all", weights: str | None = None) -> Summary:
        """Mean, sd and interval over seeds.

        Args:
            variant: name of the unit.
            metric: name of the metric.
            class_: detection class, or "all".
            weights: "raw" or "ema"; None: those of the tables.
        """
        return summarise(list(self.values(variant, metric, class_, weights).values()), confidence=self.confidence)

    def deltas(self, variant: str, metric: str, class_: str = "all") -> dict[int, float]:
        """Difference to the baseline per shared seed; ingested runs are compared with an ingested baseline."""
        baseline = self.baseline_of(variant)
        return paired_differences(self.values(variant, metric, class_), self.values(baseline, metric, class_))

    def baseline_of(self, unit: str) -> str:
        """The unit that a unit is compared with: seeds of another code base are only paired with their own."""
        return label(self.baseline, origin_of(unit))

    def units_present(self) -> list[str]:
        """Teacher and label encoder (if scored), the variants in order, then ingested and adopted runs."""
        there = set(self.table["variant"])
        units = (*FIXED_UNITS, *self.variants)
        apart = (label(unit, origin) for origin in APART for unit in units)
        return [unit for unit in (*units, *apart) if unit in there]

    def judged(self) -> list[str]:
        """The study's variants and those with ingested or adopted runs; only the latter if nothing was run."""
        there = set(self.table["variant"])
        own = self.variants if not there or not all(map(is_apart, there)) else ()
        apart = (label(variant, origin) for origin in APART for variant in self.variants)
        return [*own, *(unit for unit in apart if unit in there)]

    def compared(self) -> list[str]:
        """Those of `judged` with a baseline; adopted checkpoints share no seeds and have none."""
        units = [unit for unit in self.judged() if origin_of(unit) != "adopted"]
        return [unit for unit in units if (baseline := self.baseline_of(unit)) in units and unit != baseline]

    def main(self, metrics: Sequence[str] = tuple(METRICS)) -> list[dict[str, object]]:
        """One row per unit: each overall metric, and the difference to the baseline in the headline metrics."""
        rows: list[dict[str, object]] = []
        for unit in self.units_present():
            row: dict[str, object] = {"variant": unit, **{m: self.summary(unit, m) for m in metrics}}
            if unit in self.compared():
                for metric in HEADLINE:
                    row[f"delta_{metric}"] = summarise(
                        list(self.deltas(unit, metric).values()), confidence=self.confidence
                    )
            rows.append(row)
        return rows

    def per_class(self, metric: str = "AP") -> pd.DataFrame:
        """Mean over seeds of a per-class metric: one row per class, one column per unit."""
        rows = self.table[
            (self.table["metric"] == metric)
            & (self.table["class"] != "all")
            & (self.table["weights"] == self.weights)
            & (self.table["status"] == "finished")
        ]
        means = rows.pivot_table(index="class", columns="variant", values="value", aggfunc="mean", sort=False)
        return means[[unit for unit in self.units_present() if unit in means]]

    def throughput(self) -> pd.DataFrame:
        """One row per unit, one column per measured quantity."""
        rows = self.table[(self.table["weights"] == "-") & (self.table["metric"] != "none")]
        wide = rows.pivot_table(index="variant", columns="metric", values="value", sort=False)
        return wide.reindex([unit for unit in self.units_present() if unit in wide.index])

    def runs(self) -> pd.DataFrame:
        """Every single run: variant, seed, run_key, status, reason, then mAP and NDS of raw and EMA weights.

        A run that did not finish has a row without numbers, because what it scores is not a score.
        """
        about = ["variant", "seed", "run_key", "status", *(["reason"] if "reason" in self.table else [])]
        rows = self.table[(self.table["class"] == "all") & self.table["metric"].isin([*HEADLINE, "none"])]
        wide = rows.drop_duplicates(about[:3])[about].set_index(about[:3])
        for (weights, metric), of in rows[rows["metric"] != "none"].groupby(["weights", "metric"], sort=False):
            wide[f"{metric} ({weights})"] = of[of["status"] == "finished"].set_index(about[:3])["value"]
        return wide.reset_index()

    def slices(self) -> dict[str, list[str]]:
        """Criterion -> parts of the split that were scored separately, as named in the table's column `slice`."""
        names = dict.fromkeys(self.table["slice"]) if "slice" in self.table else {}
        found: dict[str, list[str]] = {}
        for name in names:
            if name != ALL:
                found.setdefault(str(name).partition(" ")[0], []).append(str(name))
        return {criterion: sorted(parts, key=_by_number) for criterion, parts in found.items()}

    def truths(self, part: str) -> int:
        """Number of annotated boxes in a part of the split."""
        found = self.table.loc[self.table["metric"] == f"{TRUTHS}@{part}", "value"]
        return int(found.max()) if len(found) else 0


def _by_number(part: str) -> tuple[float, str]:
    """`distance 5-10 m` before `distance 10+ m`; parts without a number by name."""
    number = re.search(r"\d+", part)
    return (float(number[0]) if number else -1.0, part)
