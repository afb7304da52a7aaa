"""The verb `compare`: three files against three, in groups or pair by pair."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_nuscenes import SAMPLES, Track, ego_position, write_folder

from labeldistill.errors import InputError
from labeldistill.evaluation.predictions import Predictions
from labeldistill.evaluation.results_json import write_results
from labeldistill.judging.groups import compare_files
from labeldistill.judging.which_split import Place
from labeldistill.statistics.holm import Finding

CARS = [Track("vehicle.car", first, ((5.0 + k, 3.0 * k, 1.0),)) for first in range(6) for k in range(6)]


def detections(error_m: float, seed: int) -> Predictions:
    """Every car, found with a centre error of about this size."""
    random = np.random.default_rng(seed)
    sample = np.repeat(np.arange(len(SAMPLES), dtype=np.int32), 6)
    places = np.array([[5.0 + k, 3.0 * k, 1.0] for k in range(6)] * len(SAMPLES))
    centre = places + np.array([ego_position(s) for s in sample]) + random.normal(0, [error_m, error_m, 0.01], (36, 3))
    codes, size = np.zeros(36, dtype=np.int8), np.tile([2.0, 4.0, 1.5], (36, 1))
    turn, speed = np.tile([1.0, 0, 0, 0], (36, 1)), np.zeros((36, 2))
    return Predictions(SAMPLES, sample, centre, size, turn, speed, codes, random.random(36), codes)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[str]]:
    """Folder of the tables, folder of the files, names: good0..2 and bad0..2."""
    root = tmp_path_factory.mktemp("compare")
    folder = write_folder(root / "nuscenes", CARS)
    for name, error in (("good", 0.2), ("bad", 1.5)):
        for seed in range(3):
            write_results(detections(error, seed + 10 * (name == "bad")), root / f"{name}{seed}.json")
    return folder, root, [f"{name}{seed}.json" for name in ("good", "bad") for seed in range(3)]


@pytest.mark.parametrize("paired", [False, True])
def test_a_better_method_is_found_better(place: tuple[Path, Path, list[str]], paired: bool) -> None:
    folder, root, files = place
    found = compare_files([root / f for f in files[:3]], [root / f for f in files[3:]], Place(folder), paired=paired)
    first = found.rows[0]
    assert (first.metric, first.finding) == ("mAP", Finding.BETTER)
    assert first.b - first.a == pytest.approx(first.summary.mean)
    back = compare_files([root / f for f in files[3:]], [root / f for f in files[:3]], Place(folder), paired=paired)
    assert back.rows[0].finding is Finding.WORSE


def test_two_files_a_side_tell_nothing_and_one_run_twice_is_refused(place: tuple[Path, Path, list[str]]) -> None:
    folder, root, files = place
    few = compare_files([root / f for f in files[:2]], [root / f for f in files[3:5]], Place(folder))
    assert {row.finding for row in few.rows} == {Finding.CANT_TELL}
    again = detections(0.2, 0)
    write_results(replace(again, score=again.score / 2), root / "again.json")
    with pytest.raises(InputError, match=r"again.json: has 100.0% of its boxes in common with .*good0.json"):
        compare_files([root / "good0.json"], [root / "again.json"], Place(folder))
    with pytest.raises(InputError, match="--paired: 2 files of ours have no 1 partners"):
        compare_files([root / f for f in files[:2]], [root / files[3]], Place(folder), paired=True)


def test_the_verb_takes_as_many_files_as_follow(place: tuple[Path, Path, list[str]]) -> None:
    folder, root, files = place
    command = [sys.executable, "-m", "labeldistill.cli.main", "compare", "--ours", *files[:3], "--theirs", *files[3:]]
    done = subprocess.run(
        [*command, "--dataroot", str(folder), "--json"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["split"], found["paired"], found["rows"][0]["finding"]) == ("mini_val", False, "BETTER")
    assert [Path(each["file"]).name for each in found["theirs"]] == files[3:]
    wrong = [*command[:4], "--yours", "a.json", "--dataroot", str(folder)]
    done = subprocess.run(wrong, cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "labeldistill: --yours: no such option\n")
