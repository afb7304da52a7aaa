"""The runs of one side of a diff: their scores, records and measured speed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from labeldistill.config.run_files import ADOPTED, INGESTED, RECORD
from labeldistill.errors import InputError
from labeldistill.files import read_json
from labeldistill.records.gather_rows import DOCUMENTED, FINISHED, outcome
from labeldistill.study.apart import label

RunId = tuple[str, str, int]
"""Study, variant (or teacher, label-encoder) and seed, by which runs are paired."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """One recorded run.

    Attributes:
        scores: (weights, metric) -> value over all classes; empty for a run that diverged.
        samples: number and hash of the scored samples; None if the scores do not say.
        speed: measurements of the study's benchmark, which has only one seed per variant.
    """

    study: str
    variant: str
    seed: int
    run_key: str
    status: str
    record: Json
    scores: dict[tuple[str, str], float]
    speed: dict[str, float] = field(default_factory=dict)
    samples: tuple[int, str] | None = None

    @property
    def id(self) -> RunId:
        """The id by which it is paired."""
        return self.study, self.variant, self.seed


@dataclass(frozen=True)
class Side:
    """All runs of one side by id; `notes` report choices between several candidates."""

    name: str
    runs: dict[RunId, Run]
    notes: list[str]


def read_side(folder: Path, name: str) -> Side:
    """Read the runs of every report (`table.csv` with `records.json`) and results folder (`record.json`) in `folder`.

    The newest report of a study is used, else the newest finished run of each variant and seed.

    Raises:
        InputError: nothing to compare there, or a file that can't be read.
    """
    notes: list[str] = []
    reports = [file.parent for file in sorted(folder.rglob("table.csv")) if (file.parent / "records.json").is_file()]
    runs = _newest_reports(reports, notes)
    reported = {study for study, _, _ in runs}
    loose = [run for run in _result_runs(folder) if run.study not in reported]
    for run in sorted(loose, key=_age):
        if run.id in runs:
            notes.append(f"{run.study} {run.variant} seed {run.seed}: several run keys; the newest, {run.run_key}")
        runs[run.id] = run
    if not runs:
        raise InputError("holds no results: no table.csv with records.json, no record.json with metrics", file=name)
    return Side(name, runs, list(dict.fromkeys(notes)))


def _age(run: Run) -> tuple[str, str]:
    return str(run.record.get("finished", "")), run.run_key


def _newest_reports(folders: list[Path], notes: list[str]) -> dict[RunId, Run]:
    newest: dict[str, tuple[str, Path, list[Run]]] = {}
    for folder in folders:
        runs = list(_report_runs(folder))
        for study in {run.study for run in runs}:
            of_study = [run for run in runs if run.study == study]
            age = max(str(run.record.get("finished", "")) for run in of_study)
            if study in newest:
                kept = max(newest[study], (age, folder, of_study), key=lambda entry: (entry[0], str(entry[1])))
                notes.append(f"{study}: several reports; the newest, {kept[1].name}")
                newest[study] = kept
            else:
                newest[study] = (age, folder, of_study)
    return {run.id: run for _, _, runs in newest.values() for run in runs}


def _report_runs(folder: Path) -> Iterator[Run]:
    try:
        table = pd.read_csv(folder / "table.csv", dtype={"run_key": str})
    except (OSError, ValueError) as error:
        raise InputError(f"can't be read as a table ({error})", file=folder / "table.csv") from error
    if missing := set(DOCUMENTED) - set(table.columns):
        raise InputError(f"lacks the columns {', '.join(sorted(missing))}", file=folder / "table.csv")
    records = {record["run_key"]: record for record in read_json(folder / "records.json")}
    whole = table[(table["class"] == "all") & (table["metric"] != "none")]
    for about, rows in table.groupby(["study", "variant", "seed", "run_key"], sort=False):
        study, variant, seed, key = map(str, about)
        mine = whole.loc[whole.index.intersection(rows.index)]
        scored, measured = mine[mine["weights"] != "-"], mine[mine["weights"] == "-"]
        status = str(rows["status"].iloc[0])
        scores = {(str(w), str(m)): float(v) for w, m, v in scored[["weights", "metric", "value"]].to_numpy()}
        speed = {str(m): float(v) for m, v in measured[["metric", "value"]].to_numpy()}
        finished = status == "finished"
        yield Run(study, variant, int(seed), key, status, records.get(key, {}), scores if finished else {}, speed)


def _result_runs(folder: Path) -> Iterator[Run]:
    speeds: dict[str, dict[str, float]] = {}
    for file in sorted(folder.rglob("benchmark-*.json"), key=lambda f: f.stat().st_mtime):
        speeds.update({unit["run_key"]: unit["metrics"] for unit in read_json(file).get("units", {}).values()})
    for file in sorted(folder.rglob(RECORD)):
        record = read_json(file)
        scores, status, samples = _newest_scores(file.parent.glob("predictions-*/metrics-*/metrics.json"), record)
        key = record["run_key"]
        about = record["study"], record["variant"], int(record["seed"]), key, status
        yield Run(*about, record, scores, speeds.get(key, {}), samples)
    for file in sorted(folder.rglob(INGESTED)):
        taken = read_json(file)
        scores, status, samples = _newest_scores(file.parent.glob("metrics-*/metrics.json"), None)
        about = taken["study"], label(taken["variant"], "ingested"), int(taken["seed"]), taken["sha256"][:12], status
        yield Run(*about, {}, scores, samples=samples)
    for file in sorted(folder.rglob(ADOPTED)):
        taken = read_json(file)
        scores, status, samples = _newest_scores(file.parent.glob("predictions-*/metrics-*/metrics.json"), None)
        unit = label(taken["variant"], "adopted")
        yield Run(taken["study"], unit, int(taken["seed"]), taken["run_key"], status, {}, scores, samples=samples)


def _newest_scores(
    files: Iterable[Path], record: Json | None
) -> tuple[dict[tuple[str, str], float], str, tuple[int, str] | None]:
    """Overall scores, empty if the run did not finish; how it ended; the scored samples."""
    found = sorted(files, key=lambda f: (f.stat().st_mtime, f))
    newest = read_json(found[-1]) if found else {"rows": []}
    status, _ = outcome(record, newest)
    scores = {
        (row["weights"], row["metric"]): float("nan") if row["value"] is None else float(row["value"])
        for row in newest["rows"]
        if row["class"] == "all" and status == FINISHED
    }
    samples = (int(newest["samples"]), str(newest["tokens_sha256"])) if "tokens_sha256" in newest else None
    return scores, status, samples
