"""What a report is made from: a study's results, or an older report that is made again with today's code."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pandas as pd

from labeldistill.claims.evidence import Evidence, evidence_of
from labeldistill.config.study import StudySettings
from labeldistill.errors import InputError
from labeldistill.files import read_json
from labeldistill.records.run_record import read_record
from labeldistill.records.waivers import recorded_waivers, waivers
from labeldistill.reporting.scored_runs import ScoredRun, scored_runs
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.study.adopted import adopted_under
from labeldistill.study.apart import origin_of
from labeldistill.study.code_hash import code_hash
from labeldistill.study.code_version import code_version
from labeldistill.study.plan import StudyPlan
from labeldistill.study.run_key import digest

if TYPE_CHECKING:
    from labeldistill.reporting.run_figures import Drawn


@dataclass(frozen=True)
class ReportSources:
    """Everything that a report is made from.

    Attributes:
        study, tables: what was run, and its scores.
        csv: the tidy table's file. records: of every own run.
        scored: every run as it was scored.
        evidence: what lies beside the scores. looks: of a sequential study.
        adopted: records of adopted checkpoints. ingested: whether results of other code bases stand in the table.
        device: that throughput was measured on; None where it was not.
        draw: into a folder what table and records do not hold.
        version, remade: of the report; of what older report it is made again, empty where it is not.
        waived: gate of preflight that the study went past -> reason.
    """

    study: StudySettings
    tables: StudyTables
    csv: Path
    records: list[dict[str, Any]]
    scored: list[ScoredRun]
    evidence: Evidence
    looks: list[dict[str, Any]]
    adopted: list[Mapping[str, Any]]
    ingested: bool
    device: str | None
    draw: "Callable[[Path], Drawn]"
    version: str
    remade: str = ""
    waived: Mapping[str, str] = field(default_factory=dict)


def tables_of(plan: StudyPlan) -> StudyTables:
    """The study's tables from its gathered parquet.

    Raises:
        InputError: the study is not gathered.
    """
    if not plan.table.is_file():
        raise InputError(f"no such table; run labeldistill gather {plan.study.name} --write", file=plan.table)
    return _tables(plan.study, pd.read_parquet(plan.table))


def _tables(study: StudySettings, table: pd.DataFrame) -> StudyTables:
    return StudyTables(table, tuple(study.variants), study.baseline, confidence=study.verdict.confidence)


def of_results(plan: StudyPlan) -> ReportSources:
    """The sources of a gathered study.

    Raises:
        InputError: it is not gathered, or a record or score can't be read.
    """
    tables = tables_of(plan)
    there = [run for run in plan.runs if run.record.is_file()]
    records = [read_record(run.record) for run in (plan.runs if there else ())]
    return ReportSources(
        study=plan.study,
        tables=tables,
        csv=plan.table.with_suffix(".csv"),
        records=records,
        waived=waivers(plan, records),
        scored=scored_runs(plan, tables.weights),
        evidence=evidence_of(plan),
        looks=read_json(plan.looks)["looks"] if plan.looks.is_file() else [],
        adopted=[run.record for run in adopted_under(plan.folder, ("teacher", *plan.study.variants))],
        ingested=bool(plan.ingested),
        device=read_json(plan.benchmark).get("device", "this machine") if plan.benchmark.is_file() else None,
        draw=lambda folder: _figures().drawn(plan, folder),
        version=plan.version,
    )


def of_report(study: StudySettings, folder: Path) -> ReportSources:
    """The sources of an older report that is made again; they have no draws of scenes and no evidence.

    Args:
        study: study of the report.
        folder: folder of the report, with `table.csv` and `records.json`.

    Raises:
        InputError: a file is missing or damaged, or the report is of another study.
    """
    records: list[dict[str, Any]] = read_json(folder / "records.json")
    try:
        table = pd.read_csv(folder / "table.csv", dtype={"run_key": str})
        runs = _runs_of(table)
        names = set(table["study"])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"can't be read as a table ({error})", file=folder / "table.csv") from error
    if names != {study.name}:
        raise InputError(f"is of {', '.join(sorted(map(str, names)))}, not of {study.name}", file=folder / "table.csv")
    devices = {str(record["device"]["name"]) for record in records}
    measured = bool((table["weights"] == "-").any())
    parts = {"from": folder.name, "code": code_hash("report"), "study": study.model_dump(mode="json")}
    return ReportSources(
        study=study,
        tables=_tables(study, table),
        csv=folder / "table.csv",
        records=records,
        scored=runs,
        evidence=Evidence(),
        looks=[],
        adopted=[],
        ingested=any(origin_of(run.unit) == "ingested" for run in runs),
        device=", ".join(sorted(devices)) if measured else None,
        draw=lambda target: _figures().kept(folder / "figures", target),
        version=f"{code_version()}+{digest(parts)}",
        remade=folder.name,
        waived=recorded_waivers(records),
    )


def _figures() -> ModuleType:
    """Only drawing needs torch and matplotlib; `show` and `table` read the same sources."""
    from labeldistill.reporting import run_figures

    return run_figures


def _runs_of(table: pd.DataFrame) -> list[ScoredRun]:
    rows = table.drop_duplicates(["variant", "seed", "run_key"])[["variant", "seed", "status", "reason"]].fillna("")
    return [ScoredRun(str(unit), int(seed), str(how), str(why), 0) for unit, seed, how, why in rows.to_numpy()]
