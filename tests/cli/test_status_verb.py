"""The verb `status` as a user meets it: a table, JSON, a view until Ctrl-C, unreadable records."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from labeldistill.cli.main import build
from labeldistill.config.load import load_study
from labeldistill.study.plan import StudyPlan

ROOT = Path(__file__).resolve().parents[2]


def shown(*arguments: str) -> Any:
    return CliRunner().invoke(build("status"), ["status", *arguments])


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "labeldistill.cli.main", "status", *arguments]


def test_a_study_that_has_not_begun(tmp_path: Path) -> None:
    done = shown("smoke", "--results", str(tmp_path / "none"))
    assert done.exit_code == 0
    for words in ("teacher", "label-encoder", "lidar-only", "needs teacher", "10 runs: 10 waiting"):
        assert words in done.output
    assert not (tmp_path / "none").exists()


def test_json_has_a_row_for_every_run(tmp_path: Path) -> None:
    done = shown("smoke", "--format", "json", "--results", str(tmp_path))
    tree = json.loads(done.output, parse_constant=lambda name: str(name))
    plan = StudyPlan(load_study("smoke"), tmp_path)
    assert [(row["unit"], row["seed"], row["run_key"]) for row in tree["runs"]] == [
        (run.unit, run.seed, run.key) for run in plan.runs
    ]


def test_a_record_of_another_schema_version_is_named_below_the_table(tmp_path: Path) -> None:
    run = StudyPlan(load_study("smoke"), tmp_path).run("full", 1)
    run.folder.mkdir(parents=True)
    run.record.write_text('{"schema_version": 0}')
    done = shown("smoke", "--results", str(tmp_path))
    assert done.exit_code == 2
    assert "unreadable" in done.output
    assert "9 waiting" in done.output
    assert f"labeldistill: {run.record}: schema_version: was written under schema 0, this code reads 1" in done.output


def test_watching_prints_a_line_of_json_a_look_until_ctrl_c(tmp_path: Path) -> None:
    call = command("smoke", "--watch", "--every", "0.2", "--format", "json", "--results", str(tmp_path))
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as watching:
        assert watching.stdout is not None
        assert watching.stderr is not None
        first, second = (json.loads(watching.stdout.readline()) for _ in range(2))
        watching.send_signal(signal.SIGINT)
        assert watching.wait(20) == 0
        assert watching.stderr.read() == ""
    assert second["time"] > first["time"]
    assert len(second["runs"]) == 10


def test_watching_in_a_terminal_draws_in_place_and_fits_its_height(tmp_path: Path) -> None:
    """Twelve lines hold no ten rows: those that wait are counted, the one that was killed is shown."""
    run = StudyPlan(load_study("smoke"), tmp_path).run("full", 1)
    run.folder.mkdir(parents=True)
    event = {"time": time.time(), "event": "started", "step": 0, "steps": 10}
    (run.folder / "events.jsonl").write_text(json.dumps(event) + "\n")
    ours, theirs = pty.openpty()
    env = {**os.environ, "PYTHONPATH": str(ROOT), "LINES": "12", "COLUMNS": "160", "TERM": "xterm"}
    call = command("smoke", "--watch", "--every", "0.2", "--results", str(tmp_path))
    with subprocess.Popen(call, stdout=theirs, stderr=subprocess.PIPE, env=env) as watching:
        os.close(theirs)
        text = ""
        end = time.monotonic() + 60
        while text.count("killed") < 4 and time.monotonic() < end:
            if select.select([ours], [], [], 1)[0]:
                text += os.read(ours, 65536).decode()
        watching.send_signal(signal.SIGINT)
        assert watching.wait(20) == 0
    os.close(ours)
    assert "10 runs: 9 waiting, 1 killed (9 of them not shown)" in text
    assert "\x1b[2K" in text  # lines of the former look are cleared
    assert "lidar-only" not in text
