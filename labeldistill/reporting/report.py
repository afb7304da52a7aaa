"""A study's report: one self-contained folder with the page, its figures, the tidy table and every record."""

import shutil
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import yaml
from markupsafe import Markup

from labeldistill.claims.claims import load_claims
from labeldistill.claims.evidence import evidence_of
from labeldistill.claims.hypotheses import load_hypotheses
from labeldistill.errors import InputError
from labeldistill.files import read_json, write_json, write_text, written_whole
from labeldistill.records.outcome import FINISHED
from labeldistill.records.provenance import code_provenance
from labeldistill.reporting import figures, numbers, sources
from labeldistill.reporting.cameras import draw_cameras
from labeldistill.reporting.hypothesis_table import hypothesis_rows
from labeldistill.reporting.intervals import interval_rows, pair_scenes
from labeldistill.reporting.pairs import pair_rows
from labeldistill.reporting.scored_runs import scored_runs
from labeldistill.reporting.slice_table import slice_rows
from labeldistill.reporting.study_tables import OVERALL, UNITS, StudyTables
from labeldistill.reporting.verdicts import claim_rows
from labeldistill.statistics.holm import Finding, family_size
from labeldistill.study.adopted import adopted_under
from labeldistill.study.apart import is_apart
from labeldistill.study.plan import StudyPlan

CAMERA_THRESHOLD = 0.3


def tables_of(plan: StudyPlan) -> StudyTables:
    """The study's tables from its gathered parquet."""
    study = plan.study
    if not plan.table.is_file():
        raise InputError(f"no such table; run labeldistill gather {study.name} --write", file=plan.table)
    table = pd.read_parquet(plan.table)
    return StudyTables(table, tuple(study.variants), study.baseline, confidence=study.verdict.confidence)


def _draw(plan: StudyPlan, tables: StudyTables, folder: Path) -> list[str]:
    """Draw every figure into `folder`; returns the units that got a camera picture."""
    figures.scores(tables, folder / "scores.png")
    figures.deltas(tables, folder / "deltas.png")
    figures.per_class(tables, folder / "per_class.png")
    figures.throughput(tables, folder / "throughput.png")
    if tables.slices():
        figures.slices(tables, folder / "slices.png")
    losses = sources.losses(plan)
    if not losses.empty:
        figures.loss_curves(losses, folder / "losses.png")
    return draw_cameras(plan, folder, CAMERA_THRESHOLD)


def _frame(table: pd.DataFrame) -> str:
    return str(table.to_html(border=0, float_format=lambda v: f"{v:.4g}", na_rep=numbers.NOTHING, index_names=False))


def _page(plan: StudyPlan, tables: StudyTables, records: list[dict[str, Any]], cameras: list[str]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("labeldistill.reporting"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    filters = ("number", "spread", "interval", "signed", "bounds", "p_value")
    environment.filters.update({name: getattr(numbers, name) for name in filters})
    environment.tests["apart"] = is_apart
    study, code = plan.study, records[0]["code"] if records else code_provenance()
    return environment.get_template("report.html").render(
        study=study,
        tables=tables,
        version=plan.version,
        commit=(code.get("commit") or "unknown")[:10],
        dirty=bool(code.get("dirty")),
        source="a synthetic world" if study.data.synth else f"nuScenes {study.data.version}",
        metrics=OVERALL,
        units=UNITS,
        main=tables.main(),
        claims=claim_rows(study, tables, load_claims(), evidence_of(plan)),
        cameras=cameras,
        camera_threshold=CAMERA_THRESHOLD,
        throughput=Markup(_frame(tables.throughput())),
        device=read_json(plan.benchmark).get("device", "this machine") if plan.benchmark.is_file() else None,
        runs=Markup(_frame(tables.runs())),
        settings=yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False),
        **_statistics(plan, tables),
    )


def _statistics(plan: StudyPlan, tables: StudyTables) -> dict[str, Any]:
    """Intervals, paired tests, slices, and what must be said of single runs."""
    confidence = plan.study.verdict.confidence
    scored = scored_runs(plan, tables.weights)
    pairs = [
        (row, pair_scenes(tables, scored, row, confidence=confidence))
        for row in pair_rows(tables, confidence=confidence)
    ]
    return {
        "percent": f"{confidence * 100:g} %",
        "alpha": f"{plan.study.verdict.alpha * 100:g} %",
        "scored": scored,
        "findings": [run for run in scored if run.findings],
        "unfinished": [run for run in scored if run.status != FINISHED],
        "ingested": bool(plan.ingested),
        "adopted": [run.record for run in adopted_under(plan.folder, ("teacher", *plan.study.variants))],
        "pairs": pairs,
        "family": family_size([row.p_holm for row, _ in pairs]),
        # a p value says why no difference is shown; every other finding has its reason below the table
        "pair_notes": list(dict.fromkeys(row.reason for row, _ in pairs if row.finding is not Finding.NOT_SHOWN)),
        "pair_caveats": list(dict.fromkeys(s.both.caveat for _, s in pairs if s.both.caveat)),
        "intervals": interval_rows(tables, scored, confidence=confidence),
        "hypotheses": hypothesis_rows(plan.study, tables, scored, load_hypotheses(), load_claims()),
        "slices": slice_rows(tables, confidence=confidence),
        "looks": sources.looks(plan),
    }


def summary_of(tables: StudyTables) -> dict[str, dict[str, float]]:
    """Mean of the headline metrics of each unit: the small file that DVC shows and diffs."""
    return {
        unit: {metric: round(tables.summary(unit, metric).mean, 6) for metric in ("mAP", "NDS")}
        for unit in tables.units_present()
    }


def write_report(plan: StudyPlan) -> Path:
    """Write the report of a gathered study; its page last, so that a page means a whole report.

    Returns:
        The page's path, `reports/<study>/<version>/index.html`.

    Raises:
        InputError: the study is not gathered, or a record or claim can't be read.
    """
    tables = tables_of(plan)
    folder = plan.report.parent
    shutil.rmtree(folder, ignore_errors=True)
    records = sources.records(plan)
    cameras = _draw(plan, tables, folder / "figures")
    with written_whole(folder / "table.csv") as temporary:
        shutil.copyfile(plan.table.with_suffix(".csv"), temporary)
    write_json(folder / "records.json", records)
    write_json(folder / "summary.json", summary_of(tables))
    write_text(plan.report, _page(plan, tables, records, cameras))
    return plan.report
