"""A diff as a page: the answer first, every row, nothing that a name could run."""

import re
from pathlib import Path

import pytest
from browser import needs_axe, violations

from labeldistill.compare.diff import Diff
from labeldistill.compare.diff_causes import Cause
from labeldistill.compare.diff_rows import DiffOptions, DiffRow
from labeldistill.reporting.diff_page import diff_page
from labeldistill.statistics.holm import Finding
from labeldistill.statistics.paired import compare_pairs

HOSTILE = "<script>alert(1)</script>"


def _row(variant: str, finding: Finding, shift: float, seeds: int = 6) -> DiffRow:
    pairs = compare_pairs({seed: shift + 0.1 * (seed % 3) for seed in range(seeds)})
    return DiffRow("mini", variant, "mAP", "points", "scores", 18.0, 18.0 + shift, pairs, 0.01, finding, "why")


def _diff(*rows: DiffRow, name: str = "HEAD~1") -> Diff:
    causes = [Cause("settings", "student.lr", 0.1, name, ("mini/full",), 6)]
    return Diff(name, "results", DiffOptions(), list(rows), [], [name], [], causes, paired=6)


def test_the_answer_comes_first_and_every_row_is_there() -> None:
    page = diff_page(_diff(_row("full", Finding.WORSE, -2.0), _row("label-only", Finding.NOT_SHOWN, 0.0)))
    answer, _, rest = page.partition('<h2 id="rows">')
    assert "mini/full, mAP" in answer
    assert "No regression is shown" not in page
    assert len(re.findall(r'<th class="text" scope="row">mini/', rest)) == 2
    assert "student.lr" in rest
    assert "<svg" in answer


def test_no_regression_and_one_pair_draw_nothing_that_is_not_known() -> None:
    page = diff_page(_diff(_row("full", Finding.CANT_TELL, 0.3, seeds=1)))
    assert "No regression is shown." in page
    assert "nan" not in re.sub(r"<(script|style)>.*?</\1>", "", page, flags=re.DOTALL).lower()


def test_hostile_names_stay_text() -> None:
    page = diff_page(_diff(_row("full", Finding.WORSE, -2.0), name=HOSTILE))
    assert "<script>alert" not in page
    assert "alert(1)" in page


@needs_axe
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_no_violation(tmp_path: Path, dark: bool) -> None:
    page = tmp_path / "diff.html"
    page.write_text(diff_page(_diff(_row("full", Finding.WORSE, -2.0), _row("label-only", Finding.BETTER, 2.0))))
    assert violations(page, dark=dark) == {}
