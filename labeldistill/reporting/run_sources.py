"""Where a report's numbers come from: per unit and run the record, commit, settings, command and rows of the table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from labeldistill.claims.differences import flat
from labeldistill.reporting.sources import ReportSources
from labeldistill.study.apart import is_apart

_PER_RUN = ("seed",)
"""Settings in which runs of one variant differ anyway."""


@dataclass(frozen=True)
class RunSource:
    """One run of the table.

    Attributes:
        anchor: id of its entry on the page. record: its file in the report's folder, empty where it has none.
        commit: of the code that trained it. dirty: whether that code had uncommitted changes.
        command: that makes it again; empty for runs from elsewhere.
        rows: lines of its numbers in table.csv.
        usage: what it took, as the record says.
    """

    unit: str
    seed: int
    key: str
    status: str
    reason: str
    anchor: str
    record: str
    commit: str
    dirty: bool
    command: str
    rows: str
    usage: Mapping[str, Any]


@dataclass(frozen=True)
class UnitSource:
    """One unit: its runs, and every setting in which it differs from the baseline (key, there, here)."""

    unit: str
    anchor: str
    runs: list[RunSource]
    settings: list[tuple[str, str, str]]


def unit_anchor(unit: str) -> str:
    """Id of a unit's entry: letters, digits and what a URL takes as it is."""
    return "unit-" + "".join(c if c.isascii() and (c.isalnum() or c in "-._") else "-" for c in unit)


def run_anchor(unit: str, seed: int) -> str:
    """Id of a run's entry."""
    return f"{unit_anchor(unit)}-seed-{seed}"


def record_file(record: Mapping[str, Any]) -> str:
    """Path of a run's record in the report's folder."""
    return f"records/{record['variant']}-seed-{record['seed']}-{record['run_key']}.json"


def unit_sources(made: ReportSources) -> list[UnitSource]:
    """Every unit of the table, in its order."""
    table, study = made.tables.table, made.study
    records = {(str(r["variant"]), int(r["seed"]), str(r["run_key"])): r for r in made.records if "run_key" in r}
    lines = _lines(made)
    found: list[UnitSource] = []
    for unit in made.tables.units_present():
        mine = table[table["variant"] == unit].drop_duplicates(["seed", "run_key"])
        runs = []
        for row in mine.fillna({"reason": ""}).to_dict("records"):
            of_run = (unit, int(row["seed"]), str(row["run_key"]))
            record = records.get(of_run, {})
            runs.append(_run(study.name, of_run, row, record, lines.get(of_run, "")))
        found.append(UnitSource(unit, unit_anchor(unit), runs, _settings(made, unit)))
    return found


def _run(
    study: str, of_run: tuple[str, int, str], row: Mapping[Any, Any], record: Mapping[str, Any], rows: str
) -> RunSource:
    unit, seed, key = of_run
    code = record.get("code", {})
    return RunSource(
        unit=unit,
        seed=seed,
        key=key,
        status=str(row["status"]),
        reason=str(row.get("reason", "")),
        anchor=run_anchor(unit, seed),
        record=record_file(record) if record else "",
        commit=str(code.get("commit") or ""),
        dirty=bool(code.get("dirty")),
        command="" if is_apart(unit) else f"labeldistill train {unit} --seed {seed} --study {study}",
        rows=rows,
        usage=record.get("usage", {}),
    )


def _lines(made: ReportSources) -> dict[tuple[str, int, str], str]:
    """Lines of each run in table.csv: `2-181, 1400-1520`, the head being line 1."""
    table = made.tables.table.reset_index(drop=True)
    groups = table.groupby(["variant", "seed", "run_key"], sort=False).indices
    return {(str(unit), int(seed), str(key)): _ranges(rows + 2) for (unit, seed, key), rows in groups.items()}  # type: ignore


def _ranges(lines: np.ndarray[Any, Any]) -> str:
    """Ascending numbers as ranges."""
    parts = np.split(lines, np.flatnonzero(np.diff(lines) > 1) + 1)
    return ", ".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else f"{part[0]}" for part in parts)


def _settings(made: ReportSources, unit: str) -> list[tuple[str, str, str]]:
    """Key, value of the baseline, value of the unit: from the records, which say what was run."""
    if is_apart(unit) or unit == made.study.baseline or unit not in made.study.variants:
        return []
    ours, theirs = _recorded(made, unit), _recorded(made, made.study.baseline)
    if not ours or not theirs:
        return []
    keys = [key for key in dict.fromkeys([*theirs, *ours]) if key not in _PER_RUN]
    return [(k, _plain(theirs.get(k)), _plain(ours.get(k))) for k in keys if theirs.get(k) != ours.get(k)]


def _recorded(made: ReportSources, unit: str) -> dict[str, Any]:
    for record in made.records:
        if record.get("variant") == unit and "settings" in record:
            return dict(flat(record["settings"]))
    return {}


def _plain(value: Any) -> str:
    return "-" if value is None else str(value)
