"""The devkit confirms a whole study; what it did not confirm reaches no table."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from workplace import Workplace

pytestmark = pytest.mark.slow


@pytest.fixture
def place(finished: Workplace, tmp_path: Path) -> Iterator[Workplace]:
    """The finished study; scores and confirmations are put back as they were."""
    results = finished.folder / "results/nano"
    before = {file: file.read_bytes() for file in [*results.rglob("metrics.json"), *results.glob("arbitration-*")]}
    shutil.copytree(results / "arbitrated", tmp_path / "arbitrated")
    yield finished
    for file, content in before.items():
        file.write_bytes(content)
    shutil.rmtree(results / "arbitrated")
    shutil.copytree(tmp_path / "arbitrated", results / "arbitrated")


def _scores(place: Workplace, run: str = "full/seed-3") -> Path:
    return next(place.folder.glob(f"results/nano/{run}/*/pred*/metrics-*/metrics.json"))


def test_every_run_was_compared_in_one_job(place: Workplace) -> None:
    (record,) = place.folder.glob("results/nano/arbitration-*.json")
    found = json.loads(record.read_text())["runs"]
    assert {run["run"] for run in found} == {"teacher seed 0", "label-encoder seed 0", "baseline seed 3", "full seed 3"}
    differences = [one["largest_difference"] for run in found for one in run["weights"].values()]
    assert len(differences) == 8
    assert max(differences) <= 1e-9
    assert len(list(place.folder.glob("results/nano/arbitrated/*.json"))) == 4
    again = place.run("labeldistill", "arbitrate", "nano")
    assert again.returncode == 0, again.stderr
    assert "confirms every run (0 compared now)" in again.stdout


def test_a_changed_score_reaches_no_table(place: Workplace) -> None:
    file = _scores(place)
    scores = json.loads(file.read_text())
    row = next(row for row in scores["rows"] if (row["metric"], row["weights"]) == ("NDS", "ema"))
    row["value"] += 0.01
    file.write_text(json.dumps(scores))
    gathered = place.run("labeldistill", "gather", "nano")
    assert gathered.returncode == 2
    assert "metrics.json: the devkit has not confirmed these scores of 1 runs (full seed 3)" in gathered.stderr
    assert "run labeldistill arbitrate nano" in gathered.stderr
    assert gathered.stdout == ""
    asked = place.run("labeldistill", "arbitrate", "nano")
    assert asked.returncode == 1
    assert "full seed 3, ema weights: our evaluator and the devkit disagree at NDS of all" in asked.stderr
    assert len(asked.stderr.splitlines()) == 1


def test_scoring_without_the_devkit_is_confirmed_later(place: Workplace) -> None:
    shutil.rmtree(place.folder / "results/nano/arbitrated")
    run = ("full", "--study", "nano", "--seed", "3")
    before = _scores(place).read_bytes()
    scored = place.run("labeldistill", "score", *run, "--no-arbiter")
    assert scored.returncode == 0, scored.stderr
    assert _scores(place).read_bytes() == before
    refused = place.run("labeldistill", "publish", "nano", "--out", "out/unconfirmed")
    assert refused.returncode == 2
    assert "of 4 runs" in refused.stderr
    assert not (place.folder / "out/unconfirmed").exists()
    assert place.run("labeldistill", "score", *run).returncode == 0, "with the devkit"
    asked = place.run("labeldistill", "arbitrate", "nano")
    assert "(3 compared now)" in asked.stdout, asked.stderr
    assert place.run("labeldistill", "gather", "nano").returncode == 0
