"""All reports of a folder: each version of each study with its runs, in the order in which they were made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from labeldistill.claims.differences import flat
from labeldistill.config.metrics import HEADLINE
from labeldistill.errors import InputError
from labeldistill.files import read_json
from labeldistill.records.gather_rows import ALL
from labeldistill.statistics.change_points import Step, steps

_SHOWN = 12
"""Most changed settings that are named."""


@dataclass(frozen=True)
class Version:
    """One report.

    Attributes:
        name: of its folder. page: relative to the folder of reports. made: when its last run ended.
        commit: that trained it, with a + where it had uncommitted changes.
        runs: unit -> metric -> values in points, of finished runs with EMA weights.
        keys: of all its runs; two versions with the same are the same evidence.
        settings: of each unit, flat.
    """

    name: str
    page: str
    made: str
    commit: str
    runs: Mapping[str, Mapping[str, list[float]]] = field(repr=False)
    keys: frozenset[str] = field(repr=False)
    settings: Mapping[str, Mapping[str, Any]] = field(repr=False)


@dataclass(frozen=True)
class Change:
    """A step of a unit's metric at a version, and what else changed there."""

    unit: str
    metric: str
    version: str
    step: Step
    commits: str
    settings: list[str]


@dataclass(frozen=True)
class History:
    """One study: its reports, oldest first; those with runs of their own; and the steps among these."""

    study: str
    versions: list[Version]
    evidence: list[Version]
    changes: list[Change]
    problems: list[str]


def histories(reports: Path) -> list[History]:
    """Every study of a folder of reports, by name; a report that can't be read is named and left out."""
    found: list[History] = []
    for folder in sorted(path for path in reports.iterdir() if path.is_dir()) if reports.is_dir() else []:
        versions, problems = _versions(folder)
        if versions or problems:
            evidence = list({version.keys: version for version in reversed(versions)}.values())[::-1]
            found.append(History(folder.name, versions, evidence, _changes(evidence), problems))
    return found


def _versions(study: Path) -> tuple[list[Version], list[str]]:
    found, problems = [], []
    for page in sorted(study.glob("*/index.html")):
        try:
            found.append(_version(page))
        except (InputError, OSError, ValueError, KeyError, TypeError) as error:
            problems.append(f"{page.parent.name}: {error}")
    return sorted(found, key=lambda version: (version.made, version.name)), problems


def _version(page: Path) -> Version:
    records: list[dict[str, Any]] = read_json(page.parent / "records.json")
    table = pd.read_csv(page.parent / "table.csv", dtype={"run_key": str})
    codes = [record["code"] for record in records]
    commits = dict.fromkeys(f"{str(code['commit'])[:10]}{'+' if code['dirty'] else ''}" for code in codes)
    return Version(
        name=page.parent.name,
        page=f"{page.parent.parent.name}/{page.parent.name}/{page.name}",
        made=max((str(record["finished"]) for record in records), default=""),
        commit=", ".join(commits),
        runs=_runs(table),
        keys=frozenset(map(str, table["run_key"].dropna())),
        settings={str(r["variant"]): dict(flat(r["settings"])) for r in reversed(records)},
    )


def _runs(table: pd.DataFrame) -> dict[str, dict[str, list[float]]]:
    whole = table[(table["class"] == "all") & (table["weights"] == "ema") & (table["status"] == "finished")]
    whole = whole[whole["slice"] == ALL] if "slice" in whole else whole
    return {
        str(unit): {m: (rows.loc[rows["metric"] == m, "value"] * 100).dropna().tolist() for m in HEADLINE}
        for unit, rows in whole.groupby("variant", sort=False)
    }


def _changes(versions: list[Version]) -> list[Change]:
    """Steps of every unit and metric, over the versions that have the unit."""
    units = dict.fromkeys(unit for version in versions for unit in version.runs)
    found: list[Change] = []
    for unit in units:
        having = [version for version in versions if unit in version.runs]
        for metric in HEADLINE:
            for step in steps([version.runs[unit][metric] for version in having]):
                before, after = having[step.at - 1], having[step.at]
                commits = f"{before.commit} to {after.commit}"
                found.append(Change(unit, metric, after.name, step, commits, _settings(unit, before, after)))
    return found


def _settings(unit: str, before: Version, after: Version) -> list[str]:
    """Settings of a unit that differ between two versions, in words."""
    old, new = before.settings.get(unit, {}), after.settings.get(unit, {})
    told = [f"{key}: {old.get(key)} to {new.get(key)}" for key in {**old, **new} if old.get(key) != new.get(key)]
    return told if len(told) <= _SHOWN else [*told[:_SHOWN], f"and {len(told) - _SHOWN} more"]
