"""The table of slices: one row per part of the split, with every unit's mAP and its difference to the baseline."""

from dataclasses import dataclass

from labeldistill.reporting.study_tables import StudyTables
from labeldistill.statistics.summary import Summary, summarise


@dataclass(frozen=True)
class SliceCell:
    """A unit's metric on one part: over seeds, and paired with the baseline (None for baseline and stages)."""

    summary: Summary
    difference: Summary | None


@dataclass(frozen=True)
class SliceRow:
    """One part of the split; `truths`: number of annotated boxes; `cells`: unit -> its scores."""

    criterion: str
    part: str
    truths: int
    cells: dict[str, SliceCell]


def slice_rows(tables: StudyTables, metric: str = "mAP", *, confidence: float = 0.95) -> list[SliceRow]:
    """One row per part, by criterion; empty if the study has no slices."""
    compared = tables.compared()

    def cell(unit: str, name: str) -> SliceCell:
        values = summarise(list(tables.values(unit, name).values()), confidence=confidence)
        pairs = list(tables.deltas(unit, name).values()) if unit in compared else None
        return SliceCell(values, None if pairs is None else summarise(pairs, confidence=confidence))

    return [
        SliceRow(
            criterion.replace("_", " "),
            part.removeprefix(f"{criterion} "),
            tables.truths(part),
            {unit: cell(unit, f"{metric}@{part}") for unit in tables.units_present()},
        )
        for criterion, parts in tables.slices().items()
        for part in parts
    ]
