"""What `status` says about runs: real processes that train, are killed, stop and fail; and misleading folders."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from labeldistill.config.load import load_study
from labeldistill.monitor import run_status
from labeldistill.monitor.run_liveness import checkpoint_step, last_events, lock_holder
from labeldistill.monitor.run_status import RunStatus, State
from labeldistill.monitor.study_status import study_status
from labeldistill.study.plan import PlannedRun, StudyPlan

ROOT = Path(__file__).resolve().parents[2]
TOY = ROOT / "tests" / "support" / "toy_training.py"
Trains = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def plan(tmp_path: Path) -> StudyPlan:
    return StudyPlan(load_study("smoke"), tmp_path / "results", tmp_path / "reports")


@pytest.fixture
def trains() -> Iterator[Trains]:
    """Start a real training process (the toy's) in the folder of a run."""
    children: list[subprocess.Popen[str]] = []

    def start(folder: Path, **options: Any) -> "subprocess.Popen[str]":
        env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, str(TOY), str(folder), json.dumps({"run_key": folder.name, **options})]
        children.append(subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True))
        return children[-1]

    yield start
    for child in children:
        child.kill()
        child.communicate()


def row(plan: StudyPlan, run: PlannedRun) -> RunStatus:
    (found,) = [row for row in study_status(plan).runs if row.run_key == run.key]
    return found


def wait_for(plan: StudyPlan, run: PlannedRun, wanted: Callable[[RunStatus], bool], seconds: float = 60) -> RunStatus:
    end = time.monotonic() + seconds
    while not wanted(found := row(plan, run)):
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


def write_events(run: PlannedRun, *events: dict[str, Any], **about: Any) -> None:
    run.folder.mkdir(parents=True, exist_ok=True)
    about = {"time": time.time(), "host": socket.gethostname(), "pid": 1, "run_key": run.key} | about
    with (run.folder / "events.jsonl").open("a") as stream:
        stream.writelines(json.dumps({**about, **event}) + "\n" for event in events)


def test_an_empty_results_folder_is_a_study_that_waits(plan: StudyPlan) -> None:
    found = study_status(plan)
    assert [(r.unit, r.seed) for r in found.runs] == [(run.unit, run.seed) for run in plan.runs]
    assert {r.state for r in found.runs} == {State.waiting}
    notes = {r.unit: r.note for r in found.runs}
    assert notes["teacher"] == notes["baseline"] == ""
    assert notes["full"] == "needs teacher; needs label-encoder"
    assert not plan.results.exists()
    assert not found.over


def test_without_the_data_root_every_run_waits_and_the_reason_is_said(tmp_path: Path) -> None:
    found = study_status(StudyPlan(load_study("paper-r50-3f"), tmp_path))
    assert {r.state for r in found.runs} == {State.waiting}
    assert "data/nuscenes" in found.unknown


@pytest.mark.slow
def test_a_process_trains_is_killed_goes_on_and_is_stopped(plan: StudyPlan, trains: Trains) -> None:
    run = plan.run("full", 1)
    options: dict[str, Any] = {"sleep_s": 0.02, "steps": 3000, "checkpoint_every_steps": 5}
    first = trains(run.folder, **options)
    seen = wait_for(plan, run, lambda r: r.state is State.running and r.step and r.eta_s)
    assert (seen.pid, seen.host, seen.steps) == (first.pid, socket.gethostname(), 3000)
    assert seen.epochs == 500
    assert seen.loss is not None
    assert seen.eta_s is not None
    assert seen.eta_s > 5
    assert seen.sign_age_s is not None
    assert seen.sign_age_s < 30
    wait_for(plan, run, lambda r: checkpoint_step(run.folder) is not None)

    first.kill()
    first.wait()
    assert (run.folder / ".lock").exists()  # what a killed process leaves behind
    dead = row(plan, run)
    assert dead.state is State.killed
    at = torch.load(run.folder / "checkpoint" / "state.pt", weights_only=True)["step"]
    assert dead.checkpoint_step == at
    assert f"goes on from step {at}" in dead.note
    assert dead.eta_s is None

    second = trains(run.folder, **options)
    wait_for(plan, run, lambda r: r.state is State.running and r.pid == second.pid and (r.step or 0) > at)
    second.send_signal(signal.SIGTERM)
    assert second.wait(120) == 143
    asked = row(plan, run)
    assert asked.state is State.stopped
    assert "SIGTERM" in asked.note
    assert asked.checkpoint_step == asked.step


def test_looking_never_takes_the_lock_from_a_run_that_starts(tmp_path: Path) -> None:
    file = tmp_path / ".lock"
    code = (
        "import sys\nfrom pathlib import Path\nfrom labeldistill.training.lock import RunLock\n"
        "with RunLock(Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.readline()\n"
        "for _ in range(600):\n    with RunLock(Path(sys.argv[1])): pass\n"
    )
    command = [sys.executable, "-c", code, str(file)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, **pipes, text=True, env=env) as taker:  # type: ignore[call-overload]
        taker.stdout.readline()
        held = lock_holder(file)
        assert held is not None
        assert held.locked
        taker.stdin.write("go on\n")
        taker.stdin.flush()
        while taker.poll() is None:
            lock_holder(file)
        assert taker.returncode == 0, taker.stderr.read()
    assert lock_holder(file) is None


def test_a_process_of_another_machine_is_believed_as_long_as_it_gives_signs_of_life(plan: StudyPlan) -> None:
    run = plan.run("baseline", 0)
    now = time.time()
    for age, state in ((5, State.running), (120, State.silent), (4000, State.killed)):
        beat = {"event": "progress", "step": 7, "steps": 10, "epoch": 0, "loss": 1.5, "eta_s": 60.0}
        write_events(run, beat, time=now - age, host="elsewhere", pid=77)
        (run.folder / ".lock").write_text(json.dumps({"pid": 77, "host": "elsewhere"}))
        found = row(plan, run)
        assert found.state is state
        assert found.sign_age_s == pytest.approx(age, abs=5)
        assert found.eta_s == (pytest.approx(55, abs=5) if state is State.running else None)


def test_a_lock_file_of_this_machine_without_its_process_is_no_run(plan: StudyPlan) -> None:
    run = plan.run("baseline", 0)
    write_events(run, {"event": "started", "step": 0, "steps": 10})
    (run.folder / ".lock").write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
    found = row(plan, run)
    assert found.state is State.killed  # although it just spoke and a process of that number lives
    assert "starts anew" in found.note


def test_a_clock_that_was_set_back_and_a_loss_that_is_no_number(plan: StudyPlan) -> None:
    run = plan.run("baseline", 0)
    write_events(run, {"event": "failed", "step": 3, "steps": 10, "loss": "inf", "reason": "x"}, time=time.time() + 9e5)
    found = row(plan, run)
    assert (found.state, found.sign_age_s, found.loss) == (State.failed, 0.0, float("inf"))


def test_while_two_processes_write_every_look_is_whole(plan: StudyPlan) -> None:
    """Two processes write their event logs byte by byte; no look fails and no step goes back."""
    code = (
        "import json, sys, time\n"
        "from labeldistill.training.lock import RunLock\nfrom pathlib import Path\n"
        "folder = Path(sys.argv[1])\nimport os, socket\n"
        "with RunLock(folder / '.lock'), (folder / 'events.jsonl').open('wb', buffering=0) as stream:\n"
        "    end = time.monotonic() + 3\n    step = 0\n"
        "    while time.monotonic() < end:\n"
        "        step += 1\n"
        "        about = dict(time=time.time(), host=socket.gethostname(), pid=os.getpid(), event='progress')\n"
        "        line = json.dumps(about | dict(step=step, steps=10**9, epoch=0, eta_s=1.0, loss=0.5, pad='x' * 300))\n"
        "        for byte in (line + '\\n').encode(): stream.write(bytes([byte]))\n"
    )
    runs = [plan.run("baseline", 0), plan.run("full", 1)]
    for run in runs:
        run.folder.mkdir(parents=True)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    writers = [subprocess.Popen([sys.executable, "-c", code, str(run.folder)], env=env) for run in runs]
    steps: dict[str, list[int]] = {run.unit: [] for run in runs}
    while any(writer.poll() is None for writer in writers):
        for found in study_status(plan).runs:
            if found.state is State.running and found.note == "":
                steps[found.unit].append(found.step or 0)
    assert [writer.returncode for writer in writers] == [0, 0]
    for seen in steps.values():
        assert len(set(seen)) > 10
        assert seen == sorted(seen)


# -- runs that have ended ----------------------------------------------------------------------------------------------


def record(run: PlannedRun, **changes: Any) -> dict[str, Any]:
    return {
        "run_key": run.key,
        "status": "finished",
        "reason": None,
        "finished": "2026-01-01T00:00:00+00:00",
        "optimisation": {"steps_done": 10, "steps": 10, "steps_per_epoch": 4, "epochs": 3},
        "losses": {"last": {"total": 1.25}},
        "environment": {"hosts": ["node7"]},
    } | changes


@pytest.fixture
def _toy_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_status, "read_record", lambda file: json.loads(file.read_text()))  # no schema


def finish(plan: StudyPlan, run: PlannedRun, score: float | None = None, **changes: Any) -> None:
    run.folder.mkdir(parents=True)
    run.record.write_text(json.dumps(record(run, **changes)))
    if score is not None:
        plan.metrics(run).mkdir(parents=True)
        rows = [
            {"weights": weights, "split": "val", "class": name, "metric": "mAP", "value": score + shift}
            for weights, name, shift in (("raw", "all", 0.5), ("ema", "all", 0.0), ("ema", "car", 0.25))
        ]
        (plan.metrics(run) / "metrics.json").write_text(json.dumps({"run_key": run.key, "rows": rows}))


@pytest.mark.usefixtures("_toy_records")
def test_ended_runs_show_their_record_and_their_score(plan: StudyPlan) -> None:
    teacher, scored, bad = plan.run("teacher", 0), plan.run("full", 0), plan.run("full", 1)
    finish(plan, teacher)
    finish(plan, scored, score=0.31)
    finish(plan, bad, status="diverged", reason="the loss is nan at step 3", losses={"last": {"total": None}})
    done, diverged = row(plan, scored), row(plan, bad)
    assert (done.state, done.step, done.steps, done.epoch, done.epochs) == (State.finished, 10, 10, 3, 3)
    assert (done.loss, done.scores, done.host) == (1.25, {"mAP": 0.31}, "node7")
    assert (diverged.state, diverged.loss, diverged.scores) == (State.diverged, None, {})
    assert diverged.note == "the loss is nan at step 3"
    assert row(plan, plan.run("label-encoder", 0)).note == ""  # its teacher is there
    (scored.folder / ".lock").write_text("{}")  # a lock that outlived its run changes nothing
    assert row(plan, scored).state is State.finished


@pytest.mark.usefixtures("_toy_records")
def test_a_diverged_teacher_holds_up_who_needs_it(plan: StudyPlan) -> None:
    finish(plan, plan.run("teacher", 0), status="diverged", reason="x")
    assert row(plan, plan.run("lidar-only", 0)).note == "teacher diverged"


@pytest.mark.usefixtures("_toy_records")
def test_a_study_is_over_when_every_run_has_ended_for_good(plan: StudyPlan) -> None:
    for run in plan.runs:
        assert not study_status(plan).over
        finish(plan, run)
    assert study_status(plan).over


def test_a_record_of_another_schema_version_is_named(plan: StudyPlan) -> None:
    run = plan.run("full", 0)
    run.folder.mkdir(parents=True)
    for text, problem in (
        ('{"schema_version": 99}', "schema_version: was written under schema 99"),
        ('{"schema_ver', "not valid JSON"),
    ):
        run.record.write_text(text)
        found = row(plan, run)
        assert found.state is State.unreadable
        assert str(run.record) in found.note
        assert problem in found.note
    assert row(plan, plan.run("full", 1)).state is State.waiting


HOLDS = """
import sys, time
from pathlib import Path
from labeldistill.training.event_log import EventLog
from labeldistill.training.lock import RunLock
folder = Path(sys.argv[1])
with RunLock(folder / ".lock"):
    EventLog(folder / "events.jsonl", folder.name).write("started", step=0, steps=9)
    time.sleep(100)
"""


def test_a_run_under_a_key_of_former_settings_is_shown_while_its_process_lives(plan: StudyPlan, trains: Trains) -> None:
    folder = plan.run("full", 0).folder.with_name("0123456789ab")
    folder.mkdir(parents=True)
    (folder / "record.json").write_text("{}")  # ended long ago: none of this plan's business
    assert len(study_status(plan).runs) == len(plan.runs)
    (folder / "record.json").unlink()
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(folder)], env=env) as child:
        end = time.monotonic() + 60
        while len(rows := study_status(plan).runs) == len(plan.runs):
            assert time.monotonic() < end
        child.kill()
    assert (rows[-1].unit, rows[-1].seed, rows[-1].run_key) == ("full", 0, "0123456789ab")
    assert "another run key" in rows[-1].note
    assert len(study_status(plan).runs) == len(plan.runs)


def test_a_long_event_log_is_read_from_its_end(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    lines = [json.dumps({"event": "progress", "step": step, "text": "ü" * 40}) for step in range(5000)]
    file.write_text("\n".join(lines) + '\n{"event": "progr')
    found = last_events(file)
    assert [event["step"] for event in found] == list(range(5000 - len(found), 5000))
    assert 50 < len(found) < 500
    assert last_events(tmp_path / "none") == []


@pytest.mark.parametrize("content", [b"", b"no zip", None])
def test_a_checkpoint_that_can_not_be_read_has_no_step(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "checkpoint").mkdir()
        (tmp_path / "checkpoint" / "state.pt").write_bytes(content)
    assert checkpoint_step(tmp_path) is None
