"""The paper's further tables from scores that a test chooses, in every format."""

import io
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labeldistill.errors import InputError
from labeldistill.reporting.ablation_tables import KINDS, Scored
from labeldistill.reporting.study_tables import StudyTables
from labeldistill.reporting.text_table import WRITERS, Bold, TableFormat, TextTable, as_html, as_latex, as_markdown
from labeldistill.study.plan import StudyPlan

GOOD_ENCODER = {"twelfth": 0.3, "quarter": 0.5, "half": 0.7, "whole": 0.9}
PDFLATEX = shutil.which("pdflatex")


def _scored(study: str, gain: Callable[[str], float], metrics: tuple[str, ...] = ("mAP", "NDS")) -> Scored:
    """A study whose runs score 0.2 + `gain(unit)` with a noise of 0.002; label encoders by the variant they teach."""
    plan, noise = StudyPlan.load(study), np.random.default_rng(4)
    taught = {run.parents[-1].key: run.unit for run in plan.students if run.parents}
    rows = [
        {"variant": run.unit, "seed": run.seed, "run_key": run.key, "status": "finished", "weights": "ema"}
        | {"metric": metric, "class": "all", "slice": metric.partition("@")[2] or "all", "teacher": run.teacher_seed}
        | {"value": 0.2 + gain(taught.get(run.key, run.unit)) + noise.normal(0, 0.002)}
        for run in plan.runs
        for metric in metrics
    ]
    tables = StudyTables(pd.DataFrame(rows), tuple(plan.study.variants), plan.study.baseline)
    return Scored(plan, tables, (), "study x")


def _rows(table: TextTable) -> dict[str, list[str]]:
    return {row[0]: list(row[1:]) for row in table.body}


def test_components_name_the_weight_of_each_term_and_only_what_is_shown_is_bold() -> None:
    made = KINDS["components"](_scored("mini-ablation-components", lambda unit: 0.05 * (unit == "full")))
    assert list(made.text.head)[:5] == ["variant", "response", "lidar feature", "label feature", "label/LiDAR/free"]
    rows = _rows(made.text)
    assert rows["baseline"][:4] == ["-", "-", "-", "-"]
    assert rows["full"][:4] == ["1", "0.3", "0.3", "1/3 1/3 1/3"]
    assert rows["undivided"][3] == "1 1 0"
    bold = {name for name, row in rows.items() if any(isinstance(cell, Bold) for cell in row)}
    assert bold == {"full"}
    assert made.numbers.set_index(["variant", "metric"]).loc[("full", "mAP"), "difference"] == pytest.approx(5, abs=0.4)


def test_channel_ratios_are_fractions() -> None:
    rows = _rows(KINDS["partition"](_scored("mini-ablation-partition", lambda unit: 0.0)).text)
    assert rows["more-label"][:3] == ["1/2", "1/4", "1/4"]
    assert rows["thirds"][-1] == "-"  # the baseline has no difference to itself


def test_a_label_encoder_stands_beside_the_student_that_learnt_from_it() -> None:
    gain = lambda unit: GOOD_ENCODER.get(unit, 0.0) * 0.1  # noqa: E731
    rows = _rows(KINDS["label-encoder"](_scored("mini-ablation-label-encoder", gain)).text)
    assert rows["baseline"][:3] == ["-", "-", "-"]
    assert [rows[name][0] for name in GOOD_ENCODER] == ["50 steps", "150 steps", "300 steps", "2000 steps"]
    own = [float(rows[name][1].split()[0]) for name in GOOD_ENCODER]
    assert own == pytest.approx([23, 25, 27, 29], abs=0.7)


def test_the_auto_encoder_table_has_every_label_encoder_and_the_teacher() -> None:
    made = KINDS["auto-encoder"](_scored("mini-ablation-label-encoder", lambda unit: 0.0))
    rows = _rows(made.text)
    assert rows["teacher"][0] == "points"
    assert {name for name in rows if name != "teacher"} >= {f"label encoder of {name}" for name in ("half", "quarter")}
    assert len(rows) == 5


def test_distance_ranges_have_their_own_columns_and_one_family() -> None:
    parts = ("mAP", "mAP@distance 0-5 m", "mAP@distance 5-10 m")
    made = KINDS["distance"](_scored("mini-ablation-distance", lambda unit: 0.0, parts))
    assert [*made.text.head][2:] == ["0-5 m", "Δ 0-5 m", "5-10 m", "Δ 5-10 m"]
    assert "6 comparisons" in made.text.caption
    with pytest.raises(InputError, match="not scored by `distance`"):
        KINDS["distance"](_scored("mini-ablation-distance", lambda unit: 0.0))


@pytest.mark.parametrize(
    ("kind", "study"), [("partition", "mini"), ("label-encoder", "mini"), ("components", "mini-ablation-partition")]
)
def test_a_study_that_does_not_ask_the_question_is_told_which_one_does(kind: str, study: str) -> None:
    made = _scored(study, lambda unit: 0.0)
    if kind == "components":  # shares differ there, so that is what the table is of
        assert KINDS[kind](made).text.head[1] == "label/LiDAR/free"
        return
    with pytest.raises(InputError, match="study `ablation-"):
        KINDS[kind](made)


def test_every_format_holds_every_row() -> None:
    made = KINDS["partition"](_scored("mini-ablation-partition", lambda unit: 0.05 * (unit == "halves")))
    for write in WRITERS.values():
        text = write(made.text)
        assert all(name in text for name in _rows(made.text))
    assert re.search(r"\*\*\+\d", as_markdown(made.text))
    assert re.search(r"\\textbf\{\+\d", as_latex(made.text))
    assert re.search(r"<strong>\+\d", as_html(made.text))
    back = pd.read_csv(io.StringIO(made.numbers.to_csv(index=False)))
    assert len(back) == 12


def test_hostile_text_is_text_on_a_tables_page() -> None:
    hostile = "<script>alert(1)</script> \\input{x}"
    text = as_html(TextTable(hostile, [hostile], [[Bold(hostile)]], frozenset(), [hostile], [hostile]))
    assert "<script>alert" not in text


@pytest.mark.skipif(PDFLATEX is None, reason="no pdflatex (apt install texlive-latex-base)")
def test_latex_compiles_with_whatever_stands_in_a_name(tmp_path: Path) -> None:
    hostile = "a_b & 50 % #1 {x} \\input{/etc/passwd} $z^2$ ~ < | ± Δ"
    table = as_latex(TextTable(hostile, ["variant", "n"], [[hostile, Bold("-1.5 [-2, +1]")]], notes=[hostile]))
    packages = "\\usepackage[utf8]{inputenc}\\usepackage[T1]{fontenc}\\usepackage{booktabs,graphicx}"
    (tmp_path / "t.tex").write_text(f"\\documentclass{{article}}{packages}\\begin{{document}}{table}\\end{{document}}")
    command = [str(PDFLATEX), "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert TableFormat.latex in WRITERS
