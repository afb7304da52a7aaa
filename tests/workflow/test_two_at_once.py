"""Two processes run the same study, the clock jumps, the folder is read-only: a message, and nothing is lost."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from test_bad_results import read_only, without_root_rights
from test_interrupted import BAD_INPUT, RUN, STAGES, contents, taken_away
from workplace import ROOT, Workplace

pytestmark = pytest.mark.slow
TRAINED = "results/nano/baseline/seed-3/*"
SNAKEMAKE = (
    *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "workflow/Snakefile")),
    *("--config", "study=nano", "--cores", "2"),
)
TRAIN = (sys.executable, "-m", "labeldistill.cli.main", "train", *RUN)
JUMPING = """
import time
real, calls = time.time, 0

def jumping():
    global calls
    calls += 1
    return real() + (-1) ** calls * 86400.0 * (calls % 7)

time.time = jumping
"""


@contextmanager
def running(place: Workplace, *command: str) -> Iterator["subprocess.Popen[str]"]:
    env = {**os.environ, "LABELDISTILL_STUDIES": str(place.studies), "PYTHONPATH": str(ROOT)}
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    with subprocess.Popen(
        command, cwd=place.folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def held(process: "subprocess.Popen[str]") -> Iterator[None]:
    """Stop the process, so that it can't end before what is tried beside it, however busy the machine is."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def wait_until(there: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not there():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def weights(folder: Path) -> dict[str, bytes]:
    return {name: data for name, data in contents(folder).items() if name.endswith(".safetensors")}


def test_a_second_snakemake_in_the_folder_is_refused(finished: Workplace, tmp_path: Path) -> None:
    with taken_away(finished, TRAINED, tmp_path) as (folder,):
        record = str(folder.relative_to(finished.folder) / "record.json")
        with running(finished, *SNAKEMAKE, record) as first:
            wait_until(lambda: any(finished.folder.glob(".snakemake/locks/*")))
            with held(first):
                second = finished.snakemake(record)
            out, _ = first.communicate(timeout=400)
        assert second.returncode != 0
        assert "cannot be locked" in second.stderr
        assert "Traceback" not in second.stderr
        assert first.returncode == 0, out[-3000:]
        assert weights(folder) == weights(tmp_path / folder.name)


def test_a_second_training_of_the_run_is_refused(finished: Workplace, tmp_path: Path) -> None:
    """As when two workflows in two folders write into the same results."""
    with taken_away(finished, TRAINED, tmp_path) as (folder,):
        with running(finished, *TRAIN) as first:
            wait_until((folder / ".lock").exists)
            with held(first):
                second = finished.run("labeldistill", "train", *RUN)
            out, _ = first.communicate(timeout=400)
        assert second.returncode == BAD_INPUT, second.stderr
        assert f"another run is writing into this folder (process {first.pid} on " in second.stderr
        assert first.returncode == 0, out[-3000:]
        assert weights(folder) == weights(tmp_path / folder.name)


def test_a_second_training_can_wait_for_the_first(finished: Workplace, tmp_path: Path) -> None:
    """As when the jobs of a Snakemake that was killed go on without it: the next one's job finds the run done."""
    with taken_away(finished, TRAINED, tmp_path) as (folder,):
        with running(finished, *TRAIN) as first:
            wait_until((folder / ".lock").exists)
            with running(finished, *TRAIN, "--wait") as second:
                with held(first):
                    assert second.stdout is not None
                    line = next(line for line in second.stdout if "waiting for" in line)
                out, _ = first.communicate(timeout=400)
                rest, _ = second.communicate(timeout=400)
        assert f"waiting for process {first.pid}" in line
        assert (first.returncode, second.returncode) == (0, 0), (out[-3000:], rest[-3000:])
        assert weights(folder) == weights(tmp_path / folder.name)


def test_a_clock_that_jumps_while_training(finished: Workplace, tmp_path: Path) -> None:
    """Days to and fro at every look: the same weights, a wall time that is true, an event log that `status` reads."""
    (tmp_path / "fault").mkdir()
    (tmp_path / "fault/sitecustomize.py").write_text(JUMPING)
    (tmp_path / "kept").mkdir()
    with taken_away(finished, TRAINED, tmp_path / "kept") as (folder,):
        start = time.monotonic()
        done = finished.run("labeldistill", "train", *RUN, first=tmp_path / "fault")
        took = time.monotonic() - start
        assert done.returncode == 0, done.stderr
        record = json.loads((folder / "record.json").read_text())
        assert 0 < record["usage"]["wall_s"] < took
        assert weights(folder) == weights(tmp_path / "kept" / folder.name)
        told = finished.run("labeldistill", "status", "nano", "--format", "json", first=tmp_path / "fault")
        assert told.returncode == 0, told.stderr
        assert "finished" in told.stdout


@pytest.mark.parametrize("year", [1980, 2100])
def test_file_times_of_another_year_rerun_nothing(finished: Workplace, year: int) -> None:
    then = (year - 1970) * 365.25 * 86400
    files = [path for path in (finished.folder / "results/nano").rglob("*") if ".snakemake" not in path.parts]
    before = {path: path.stat() for path in files}
    try:
        for path in files[::2]:
            os.utime(path, (then, then))
        plan = finished.snakemake("-n")
    finally:
        for path, facts in before.items():
            os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert plan.returncode == 0, plan.stderr
    assert "Nothing to be done" in plan.stdout + plan.stderr


@pytest.mark.parametrize("verb", STAGES)
def test_a_read_only_place_in_a_stage(finished: Workplace, verb: str, tmp_path: Path) -> None:
    arguments, pattern, _ = STAGES[verb]
    with taken_away(finished, pattern, tmp_path) as paths:
        with read_only(finished.folder / paths[0].relative_to(finished.folder).parts[0]):
            done = without_root_rights(finished, verb, *arguments)
        assert not any(path.exists() for path in paths)
    assert done.returncode == BAD_INPUT, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "ermission denied" in done.stderr
