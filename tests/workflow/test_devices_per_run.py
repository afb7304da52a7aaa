"""A study's `devices_per_run` reaches its trainings, not only what a cluster is asked for."""

import json

import pytest
import yaml
from workplace import Workplace

pytestmark = pytest.mark.slow


def test_a_training_starts_as_many_processes_as_the_study_says(finished: Workplace) -> None:
    """Two of half the batch each, on the data of a finished study; tests/training compares their losses with one's."""
    pair = {"extends": "nano", "devices_per_run": 2, "student_training": {"sync_batchnorm": True}}
    (finished.studies / "pair.yaml").write_text(yaml.safe_dump(pair))
    done = finished.run("labeldistill", "train", "baseline", "--study", "pair", "--seed", "3")
    assert done.returncode == 0, done.stderr
    (file,) = finished.folder.glob("results/pair/baseline/seed-3/*/record.json")
    record = json.loads(file.read_text())
    assert record["device"]["processes"] == 2
    assert record["optimisation"]["global_batch"] == 2
    assert record["optimisation"]["batch_per_device"] == 1


def test_copies_started_by_srun_are_refused(finished: Workplace) -> None:
    command = ("labeldistill", "train", "baseline", "--study", "nano", "--seed", "3")
    done = finished.run(*command, SLURM_STEP_NUM_TASKS="4")
    assert done.returncode == 2
    assert "on each of 1 machine(s), not 4 on 1" in done.stderr
    assert len(done.stderr.splitlines()) == 1
