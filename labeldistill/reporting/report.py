"""A study's report: one self-contained folder with the page, its figures, the tidy table and every record."""

import shutil
from pathlib import Path

from labeldistill.config.metrics import HEADLINE
from labeldistill.files import write_json, write_text, written_whole
from labeldistill.records.provenance import uncommitted_diff
from labeldistill.reporting import class_figures, score_figures, training_figures
from labeldistill.reporting.index_page import write_index
from labeldistill.reporting.page import report_page
from labeldistill.reporting.run_figures import Drawn, write_captions
from labeldistill.reporting.run_sources import record_file
from labeldistill.reporting.sources import ReportSources, of_report, of_results
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.reporting.style import Picture
from labeldistill.study.code_version import DIRTY
from labeldistill.study.plan import StudyPlan


def _draw(made: ReportSources, folder: Path) -> Drawn:
    """Draw into `folder` every figure that there are numbers for."""
    tables = made.tables
    there = [unit for unit in tables.units_present() if tables.summary(unit, HEADLINE[0]).n]
    wanted = {
        "scores": score_figures.scores if {*there} & {*tables.variants} else None,
        "deltas": score_figures.deltas if tables.compared() else None,
        "per_class": class_figures.per_class if not tables.per_class().empty else None,
        "class_intervals": class_figures.class_intervals if not tables.per_class().empty and there else None,
        "slices": score_figures.slices if tables.slices() and there else None,
        "throughput": training_figures.throughput if not tables.throughput().empty else None,
    }
    pictures: dict[str, Picture] = {name: draw(tables, folder) for name, draw in wanted.items() if draw}
    more = made.draw(folder)
    made_of_all = Drawn({**pictures, **more.pictures}, more.frames)
    write_captions(made_of_all, folder)
    return made_of_all


def summary_of(tables: StudyTables) -> dict[str, dict[str, float]]:
    """Mean of the headline metrics of each unit: the small file that DVC shows and diffs."""
    return {
        unit: {metric: round(tables.summary(unit, metric).mean, 6) for metric in HEADLINE}
        for unit in tables.units_present()
    }


def write_report(plan: StudyPlan) -> Path:
    """Write the report of a gathered study, its page last, so that a page means a complete report.

    Returns:
        The page's path, `reports/<study>/<version>/index.html`.

    Raises:
        InputError: the study is not gathered, or a record or claim can't be read.
    """
    return _written(of_results(plan), plan.report)


def remake_report(plan: StudyPlan, folder: Path) -> Path:
    """Write an older report again with today's code, from its own table and records; the older one is kept.

    Args:
        plan: plan of the study, with its settings and reports folder.
        folder: folder of the older report.

    Returns:
        The new page's path.

    Raises:
        InputError: a file of the older report is missing or damaged, or it is of another study.
    """
    made = of_report(plan.study, folder)
    return _written(made, plan.reports / plan.study.name / made.version / "index.html")


def _written(made: ReportSources, page: Path) -> Path:
    folder = page.parent
    if page.is_file() and f"{DIRTY}+" not in folder.name:  # never overwritten: its name holds all that it is made of
        return page
    shutil.rmtree(folder, ignore_errors=True)
    drawn = _draw(made, folder / "figures")
    with written_whole(folder / "table.csv") as temporary:
        shutil.copyfile(made.csv, temporary)
    write_json(folder / "records.json", made.records)
    for record in made.records:
        write_json(folder / record_file(record), record)
    write_json(folder / "summary.json", summary_of(made.tables))
    if patch := uncommitted_diff():
        write_text(folder / "uncommitted.diff", patch)
    write_text(page, report_page(made, drawn, folder, patch=bool(patch)))
    write_index(folder.parent.parent)
    return page
