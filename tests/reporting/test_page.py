"""A report's page as a browser and a reader with other needs meet it."""

import re
from pathlib import Path

import pytest
from browser import asked, needs_axe, needs_chromium, violations

from labeldistill.claims.claims import claims_file
from labeldistill.reporting.report import remake_report
from labeldistill.study.plan import StudyPlan

pytestmark = pytest.mark.slow

REPORTS = claims_file().resolve().parents[2] / "reports"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    older = sorted((REPORTS / "mini").rglob("records.json"))[0].parent
    return remake_report(StudyPlan.load("mini", reports=tmp_path_factory.mktemp("reports")), older)


@needs_axe
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_no_violation_with_every_part_opened(page: Path, dark: bool) -> None:
    assert violations(page, dark=dark) == {}


@needs_axe
def test_axe_would_find_one(tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text("<html><body><details></details><img src='x.png'></body></html>")
    assert {"image-alt", "html-has-lang"} <= {*violations(bad)}


@needs_chromium
def test_a_table_sorts_by_number_and_says_so(page: Path) -> None:
    clicks = """(() => { const table = document.querySelector("#metrics ~ .wide table.sortable");
      const head = table.querySelectorAll("thead th")[2];
      const read = () => [...table.tBodies[0].rows].map((r) => r.cells[2].textContent);
      head.querySelector("button").click(); const up = [head.getAttribute("aria-sort"), read()];
      head.querySelector("button").click(); return [up, [head.getAttribute("aria-sort"), read()]]; })()"""
    (up, rising), (down, falling) = asked(page, clicks)
    means = [float(cell.split()[0]) for cell in rising]
    assert (up, down) == ("ascending", "descending")
    assert means == sorted(means)
    assert falling == rising[::-1]


@needs_chromium
def test_nothing_is_wider_than_a_phone_and_the_main_table_fits_a_desk(page: Path) -> None:
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert asked(page, wide, 500) == 0
    fits = "((box) => box.scrollWidth - box.clientWidth)(document.querySelector('#main-table + .wide'))"
    assert asked(page, fits, 1440) <= 0


def test_every_link_on_the_page_leads_somewhere(page: Path) -> None:
    text = page.read_text()
    ids = {*re.findall(r'\bid="([^"]+)"', text)}
    links = {*re.findall(r'href="([^"]+)"', text)}
    assert {link for link in links if link.startswith("#") and link[1:] not in ids} == set()
    assert {link for link in links if not link.startswith("#") and not (page.parent / link).is_file()} == set()
    assert len(ids) == len(re.findall(r'\bid="([^"]+)"', text))


def test_a_run_leads_to_its_record_its_settings_and_its_lines_of_the_table(page: Path) -> None:
    text = page.read_text()
    row = re.search(r'<tr id="unit-full-seed-3">.*?</tr>', text, re.DOTALL)
    assert row
    assert "labeldistill train full --seed 3 --study mini" in row[0]
    lines = (page.parent / "table.csv").read_text().splitlines()
    ranges = re.search(r"<td>([\d, -]+)</td>\s*<td>[\d.]+</td>", row[0])
    assert ranges
    told = [range(*map(int, part.split("-"))) for part in ranges[1].split(", ")]
    mine = [number for number, line in enumerate(lines, start=1) if line.startswith("mini,full,3,")]
    assert [*told[0], told[0].stop][0] == mine[0]
    assert told[-1].stop == mine[-1]
    assert "terms.label_feature" in text


def test_figures_have_their_numbers_and_a_picture_for_slides_beside_them(page: Path) -> None:
    figures = page.parent / "figures"
    for name in ("scores", "deltas", "per_class", "class_intervals", "slices", "throughput"):
        assert {file.suffix for file in figures.glob(f"{name}.*")} == {".svg", ".png", ".csv"}
    assert (figures / "scores.csv").read_text().count("full,NDS") == 6
