"""The page of all reports: timelines, steps with what changed there, and reports that can't be read."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from browser import needs_axe, violations

from labeldistill.reporting.history import histories
from labeldistill.reporting.index_page import write_index


def write_report(reports: Path, number: int, level: float, steps: int, name: str = "toy") -> Path:
    """A toy report: one variant with four seeds whose mAP is around `level` points."""
    folder = reports / name / f"0.1.0-g{number:03d}+x"
    folder.mkdir(parents=True)
    drawn = np.random.default_rng(number)
    lines = ["study,variant,seed,run_key,status,weights,split,metric,class,value,slice"]
    records = []
    for seed in range(4):
        value = (level + drawn.normal(0, 0.4)) / 100
        lines += [f"{name},full,{seed},k{number}{seed},finished,ema,val,{m},all,{value},all" for m in ("mAP", "NDS")]
        code = {"commit": f"{number:040d}", "dirty": number == 0}
        made = {"finished": f"2026-01-{number + 1:02d}T00:00:00+00:00", "settings": {"training": {"steps": steps}}}
        records.append({"variant": "full", "seed": seed, "run_key": f"k{number}{seed}", "code": code, **made})
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    (folder / "records.json").write_text(json.dumps(records))
    (folder / "index.html").write_text("<html></html>")
    return folder


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    for number in range(8):
        write_report(folder, number, 30.0 if number < 5 else 26.0, steps=100 if number < 5 else 50)
    again = folder / "toy" / "0.1.0-g000+again"
    shutil.copytree(folder / "toy" / "0.1.0-g000+x", again)
    broken = write_report(folder, 9, 30.0, steps=100)
    (broken / "records.json").write_text("[{")
    write_report(folder, 0, 30.0, steps=100, name="<img src=x onerror=alert(1)>")
    write_index(folder)
    return folder


def test_a_step_is_marked_with_commits_and_settings(reports: Path) -> None:
    toy = next(history for history in histories(reports) if history.study == "toy")
    assert {(change.metric, change.version) for change in toy.changes} == {
        ("mAP", "0.1.0-g005+x"),
        ("NDS", "0.1.0-g005+x"),
    }
    page = (reports / "index.html").read_text()
    assert "training.steps: 100 to 50" in page
    assert f"{4:010d} to {5:010d}" in page or "0000000000 to 0000000000" in page


def test_versions_with_the_same_runs_count_once_and_a_broken_one_is_named(reports: Path) -> None:
    toy = next(history for history in histories(reports) if history.study == "toy")
    assert (len(toy.versions), len(toy.evidence)) == (9, 8)
    page = (reports / "index.html").read_text()
    assert "same runs" in page
    assert "0.1.0-g009+x:" in page
    assert "records.json" in page


def test_names_stay_text(reports: Path) -> None:
    assert "<img src=x" not in (reports / "index.html").read_text()


def test_an_empty_folder_says_how_to_make_one(tmp_path: Path) -> None:
    assert "No report yet" in write_index(tmp_path).read_text()


@needs_axe
def test_axe_finds_no_violation(reports: Path) -> None:
    assert violations(reports / "index.html") == {}
