"""The main table and the claims of a study in a terminal."""

from rich.table import Table

from labeldistill.claims.claims import load_claims
from labeldistill.claims.evidence import Evidence
from labeldistill.cli.console import plain_console
from labeldistill.config.metrics import HEADLINE, METRICS
from labeldistill.config.study import StudySettings
from labeldistill.reporting.claim_lines import claim_lines
from labeldistill.reporting.last_words import LastWords
from labeldistill.reporting.numbers import interval, number, spread
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.reporting.verdicts import claim_rows


def show_study(study: StudySettings, tables: StudyTables, evidence: Evidence, page: str) -> None:
    """Print the main table, every claim's verdict with its reason, and the path of the page.

    Args:
        study: the study.
        tables: its scores.
        evidence: facts about the study's data and runs.
        page: path of the report's page.
    """
    console = plain_console(160)
    main = Table(title=f"Study {study.name}: mean ± sd over seeds, {tables.weights} weights", title_justify="left")
    for column in ("variant", "n", *METRICS, *(f"Δ {m} [95 %]" for m in HEADLINE)):
        main.add_column(column, justify="left" if column == "variant" else "right", no_wrap=True)
    for row in tables.main():
        cells = [spread(row[m]) if m in HEADLINE else number(row[m].mean) for m in METRICS]  # type: ignore
        n = str(row[HEADLINE[0]].n)  # type: ignore[attr-defined]
        differences = [interval(row.get(f"delta_{m}")) for m in HEADLINE]  # type: ignore[arg-type]
        main.add_row(str(row["variant"]), n, *cells, *differences)
    console.print(main)
    if chosen := evidence.chosen(study.variants, study.seeds):
        console.print(f"nothing is settled by these runs: {'; '.join(chosen)}", highlight=False, markup=False)
    for line in claim_lines(claim_rows(study, tables, load_claims(), evidence)):
        console.print(line, highlight=False, markup=False)
    console.print(f"report: {page}", highlight=False, soft_wrap=True)


def show_last_words(words: LastWords) -> None:
    """Print what was shown, what was not, and what to do next."""
    console = plain_console(160)
    for name, text in (("shown", words.shown), ("not shown", words.not_shown), ("next", words.next)):
        console.print(f"{name}: {text}", highlight=False, markup=False, soft_wrap=True)
