"""A run's weights, exported as a released checkpoint and adopted, score the same to the bit."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from workplace import Workplace

pytestmark = pytest.mark.slow


@pytest.fixture
def place(finished: Workplace) -> Iterator[Workplace]:
    yield finished
    for folder in finished.folder.glob("results/nano/*/seed-*/adopted-*"):
        shutil.rmtree(folder)


def _did(place: Workplace, *command: str) -> str:
    done = place.run("labeldistill", *command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _rows(folder: Path, weights: str) -> dict[tuple[str, str], Any]:
    (file,) = folder.glob("predictions-*/metrics-*/metrics.json")
    return {
        (r["metric"], r["class"]): r["value"] for r in json.loads(file.read_text())["rows"] if r["weights"] == weights
    }


@pytest.mark.parametrize(("unit", "weights", "seed"), [("full", "ema", "3"), ("teacher", "raw", "0")])
def test_the_score_is_the_run_s_to_the_bit(unit: str, weights: str, seed: str, place: Workplace) -> None:
    (run,) = (f.parent for f in place.folder.glob(f"results/nano/{unit}/seed-{seed}/*/record.json"))
    file = place.folder / f"{unit}.pth"
    _did(place, "weights", "export", str(run / f"weights-{weights}.safetensors"), "--out", str(file))
    where = ("--study", "nano", "--seed", seed)
    asked = ("--variant", unit, "--weights", weights, "--format", "json")
    record = json.loads(_did(place, "adopt", str(file), *where, *asked))
    _did(place, "predict", unit, *where, "--key", record["run_key"])
    _did(place, "score", unit, *where, "--key", record["run_key"])
    assert _rows(run.parent / record["run_key"], weights) == _rows(run, weights)
    table = json.loads(_did(place, "gather", "nano", "--format", "json"))
    mine = [row for row in table if row["variant"] == f"{unit} (adopted)"]
    assert {(row["origin"], row["weights"]) for row in mine} == {("adopted", weights)}
    _did(place, "gather", "nano", "--write")
    page = place.folder / _did(place, "report", "nano").strip()
    assert record["sha256"] in page.read_text()
    if unit == "full":
        assert f"{unit} (adopted)" in _did(place, "table", "main", "--study", "nano")
        said = _did(
            place,
            "audit",
            "gradients",
            "--study",
            "nano",
            "--variant",
            unit,
            "--key",
            record["run_key"],
            "--format",
            "json",
        )
        assert f"ema of run {record['run_key']}" in said
