"""A study's report: one self-contained folder with the page, its figures, the tidy table and every record."""

import shutil
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import yaml
from markupsafe import Markup

from labeldistill.claims.claims import load_claims
from labeldistill.claims.hypotheses import load_hypotheses
from labeldistill.config.metrics import HEADLINE, METRICS
from labeldistill.files import write_json, write_text, written_whole
from labeldistill.records.outcome import FINISHED
from labeldistill.records.provenance import code_provenance
from labeldistill.reporting import figures, numbers
from labeldistill.reporting.hypothesis_table import hypothesis_rows
from labeldistill.reporting.intervals import interval_rows, pair_scenes
from labeldistill.reporting.pairs import pair_rows
from labeldistill.reporting.slice_table import slice_rows
from labeldistill.reporting.sources import CAMERA_THRESHOLD, ReportSources, of_report, of_results
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.reporting.verdicts import claim_rows
from labeldistill.statistics.holm import Finding, family_size
from labeldistill.statistics.sensitivity import failure_words
from labeldistill.study.apart import is_apart
from labeldistill.study.plan import StudyPlan


def _draw(made: ReportSources, folder: Path) -> list[str]:
    """Draw every figure into `folder`; returns the units that got a camera picture."""
    tables = made.tables
    figures.scores(tables, folder / "scores.png")
    figures.deltas(tables, folder / "deltas.png")
    figures.per_class(tables, folder / "per_class.png")
    figures.throughput(tables, folder / "throughput.png")
    if tables.slices():
        figures.slices(tables, folder / "slices.png")
    return made.draw(folder)


def _frame(table: pd.DataFrame) -> str:
    return str(table.to_html(border=0, float_format=lambda v: f"{v:.4g}", na_rep=numbers.NOTHING, index_names=False))


def _page(made: ReportSources, cameras: list[str]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("labeldistill.reporting"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    filters = ("number", "spread", "interval", "signed", "bounds", "p_value")
    environment.filters.update({name: getattr(numbers, name) for name in filters})
    environment.tests["apart"] = is_apart
    study, tables = made.study, made.tables
    code = made.records[0]["code"] if made.records else code_provenance()
    return environment.get_template("report.html").render(
        study=study,
        tables=tables,
        version=made.version,
        remade=made.remade,
        commit=(code.get("commit") or "unknown")[:10],
        dirty=bool(code.get("dirty")),
        source="a synthetic world" if study.data.synth else f"nuScenes {study.data.version}",
        metrics=METRICS,
        main=tables.main(),
        claims=claim_rows(study, tables, load_claims(), made.evidence),
        registration=made.evidence.registration,
        cameras=cameras,
        camera_threshold=CAMERA_THRESHOLD,
        throughput=Markup(_frame(tables.throughput())),
        device=made.device,
        runs=Markup(_frame(tables.runs())),
        settings=yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False),
        **_statistics(made),
    )


def _statistics(made: ReportSources) -> dict[str, Any]:
    """Intervals, paired tests, slices, and what must be said of single runs."""
    rules, tables, scored = made.study.verdict, made.tables, made.scored
    confidence = rules.confidence
    pairs = [
        (row, pair_scenes(tables, scored, row, confidence=confidence))
        for row in pair_rows(tables, made.study, confidence=confidence)
    ]
    return {
        "percent": f"{confidence * 100:g} %",
        "alpha": f"{rules.alpha * 100:g} %",
        "scored": scored,
        "findings": [run for run in scored if run.findings],
        "unfinished": [run for run in scored if run.status != FINISHED],
        "failures": _failures(made),
        "ingested": made.ingested,
        "adopted": made.adopted,
        "pairs": pairs,
        "family": family_size([row.p_holm for row, _ in pairs]),
        # a p value says why no difference is shown; every other finding has its reason below the table
        "pair_notes": list(dict.fromkeys(row.reason for row, _ in pairs if row.finding is not Finding.NOT_SHOWN)),
        "pair_caveats": list(dict.fromkeys(s.both.caveat for _, s in pairs if s.both.caveat)),
        "intervals": interval_rows(tables, scored, confidence=confidence),
        "hypotheses": hypothesis_rows(made.study, tables, scored, load_hypotheses(), load_claims()),
        "slices": slice_rows(tables, confidence=confidence),
        "looks": made.looks,
    }


def _failures(made: ReportSources) -> list[str]:
    """The rate of runs without a score of every unit that has one, with its exact interval."""
    found: list[str] = []
    for unit in made.tables.units_present():
        summary = made.tables.summary(unit, "mAP")
        if summary.failed:
            rate = failure_words(summary.failed, summary.n + summary.failed, confidence=made.study.verdict.confidence)
            found.append(f"{unit}: {rate}")
    return found


def summary_of(tables: StudyTables) -> dict[str, dict[str, float]]:
    """Mean of the headline metrics of each unit: the small file that DVC shows and diffs."""
    return {
        unit: {metric: round(tables.summary(unit, metric).mean, 6) for metric in HEADLINE}
        for unit in tables.units_present()
    }


def write_report(plan: StudyPlan) -> Path:
    """Write the report of a gathered study; its page last, so that a page means a whole report.

    Returns:
        The page's path, `reports/<study>/<version>/index.html`.

    Raises:
        InputError: the study is not gathered, or a record or claim can't be read.
    """
    return _written(of_results(plan), plan.report)


def remake_report(plan: StudyPlan, folder: Path) -> Path:
    """Write an older report again under today's rules, from its own table and records; the older one stays.

    Args:
        plan: of the study, whose settings and reports folder count.
        folder: of the older report.

    Returns:
        The new page's path.

    Raises:
        InputError: a file of the older report is missing or damaged, or it is of another study.
    """
    made = of_report(plan.study, folder)
    return _written(made, plan.reports / plan.study.name / made.version / "index.html")


def _written(made: ReportSources, page: Path) -> Path:
    folder = page.parent
    shutil.rmtree(folder, ignore_errors=True)
    cameras = _draw(made, folder / "figures")
    with written_whole(folder / "table.csv") as temporary:
        shutil.copyfile(made.csv, temporary)
    write_json(folder / "records.json", made.records)
    write_json(folder / "summary.json", summary_of(made.tables))
    write_text(page, _page(made, cameras))
    return page
