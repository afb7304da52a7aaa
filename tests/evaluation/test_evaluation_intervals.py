"""Intervals of an evaluation and its slices: beside the numbers, in the file and in every output format."""

import json
from typing import Any

import pytest
from generated_split import Size, generate

from labeldistill.cli.evaluation_text import print_evaluation
from labeldistill.cli.options import Format
from labeldistill.evaluation.result import Evaluation, write_evaluation
from labeldistill.evaluation.scoring import scored


def _bounds(matches: Any, classes: Any) -> dict[str, tuple[float, float]]:
    """As many boxes as there are to be found, so that each part can be told; mAAE has no interval."""
    boxes = float(len(matches.truth.label))
    return {m: (boxes, boxes + len(classes or ())) for m in ("mAP", "NDS", "mATE", "mASE", "mAOE", "mAVE")}


@pytest.fixture(scope="module")
def result() -> Evaluation:
    predictions, truth = generate(Size(samples=12, scenes=4, truths_per_sample=15, boxes_per_sample=20))
    return scored(predictions, truth, slices=("visibility", "class"), intervals=_bounds)


def test_every_part_has_its_own_interval(result: Evaluation) -> None:
    whole = len(result.matches.truth.label)
    assert result.intervals["mAP"] == (whole, whole)
    rows = [row for row in result.slices if row["slice"] == "visibility" and row["metric"] == "mAP"]
    assert rows
    assert all(row["low"] == row["boxes"] for row in rows)
    by_class = [row for row in result.slices if row["slice"] == "class" and row["metric"] == "AP"]
    assert all((row["low"], row["high"]) == (whole, whole + 1) for row in by_class)
    assert not any("low" in row for row in result.slices if row["metric"].startswith("AP@"))


def test_the_file_and_the_outputs_hold_them(
    result: Evaluation, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    write_evaluation(result, {}, tmp_path)
    found = json.loads((tmp_path / "evaluation.json").read_text())
    assert found["intervals"]["NDS"] == list(result.intervals["NDS"])
    print_evaluation(result, Format.json)
    rows = json.loads(capsys.readouterr().out)
    assert next(row for row in rows if row["metric"] == "mAP")["low"] == result.intervals["mAP"][0]
    print_evaluation(result, Format.csv)
    assert "low,high,partial" in capsys.readouterr().out
    print_evaluation(result, Format.table)
    assert "95 %" in capsys.readouterr().out


def test_without_them_nothing_changes(capsys: pytest.CaptureFixture[str]) -> None:
    plain = scored(*generate(Size(samples=6, scenes=2, truths_per_sample=10, boxes_per_sample=10)))
    assert plain.intervals == {}
    print_evaluation(plain, Format.csv)
    assert "low" not in capsys.readouterr().out
