"""Whatever people write into a study, a claim or a result's source stays text on the page."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from planted_results import benchmark, finish, take_in

from labeldistill.files import read_json
from labeldistill.records.gather import gather
from labeldistill.reporting.page import report_page
from labeldistill.reporting.run_figures import Drawn
from labeldistill.reporting.sources import of_results
from labeldistill.reporting.style import Picture
from labeldistill.study.plan import StudyPlan

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }}\"' onmouseover='x"


def _score(unit: str, metric: str, seed: int) -> float:
    return 0.2 + 0.01 * seed


@pytest.fixture
def plan(tmp_path: Path) -> StudyPlan:
    smoke = StudyPlan.load("smoke").study
    words = {"description": HOSTILE, "not_comparable_because": HOSTILE, "assumed": {"grid.x_m": HOSTILE}}
    return StudyPlan(smoke.model_copy(update=words), tmp_path / "results", tmp_path / "reports")


def test_hostile_words_are_text_on_the_page(plan: StudyPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("records.gather", "reporting.scored_runs", "reporting.sources"):
        monkeypatch.setattr(f"labeldistill.{module}.read_record", read_json)
    for run in plan.runs:
        finish(plan, run, _score, {"findings": {"ema": [HOSTILE]}}, reason=HOSTILE)
    benchmark(plan)
    take_in(plan, "full", 7, _score)
    file = next(plan.folder.rglob("ingested.json"))
    file.write_text(json.dumps({**json.loads(file.read_text()), "source": HOSTILE}))
    gather(plan).to_parquet(plan.table)
    made = replace(
        of_results(plan), records=[{"code": {"commit": HOSTILE, "dirty": False}}], device=HOSTILE, remade=HOSTILE
    )
    picture = Picture("scores", HOSTILE, HOSTILE)
    page = report_page(made, Drawn({"scores": picture}, [replace(picture, name="frame-best")]), tmp_path, patch=True)
    assert "alert(1)" in page
    assert "{{ 7 * 7 }}" in page
    for live in ("<script>alert", "<img src=x"):
        assert live not in page
    assert not re.search(r"""["'] onmouseover""", page)
