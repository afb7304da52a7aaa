"""What Snakemake says through the project's logger plugin, in a real Snakemake of a tiny workflow."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from snakemake_logger_plugin_labeldistill.durations import Durations
from snakemake_logger_plugin_labeldistill.jobs import Job, Progress, span

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SNAKEFILE = """
rule all:
    input:
        expand("study/{unit}/seed-{seed}/key/record.json", unit=["baseline", "full"], seed=[0, 1]),

rule train_student:
    output:
        "study/{unit}/seed-{seed}/{key}/record.json",
    log:
        "study/logs/train-{unit}-{seed}-{key}.log",
    shell:
        "test {wildcards.unit}-{wildcards.seed} != BROKEN && echo done > {output} 2> {log}"
"""


def _command(folder: Path, *arguments: str) -> list[str]:
    (folder / "Snakefile").write_text(SNAKEFILE)
    return [sys.executable, "-m", "snakemake", "--cores", "1", "--logger", "labeldistill", *arguments]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "120"}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("plain")
    done = subprocess.run(_command(folder), cwd=folder, env=_environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder, done.stderr


def test_without_a_terminal_each_step_is_one_plain_line(plain: tuple[Path, str]) -> None:
    lines = plain[1].splitlines()
    assert lines[0] == "4 steps to run"
    assert sum(line.startswith("started  train ") for line in lines) == 4
    finished = [line for line in lines if line.startswith("finished train ")]
    assert [line.split("; ")[1].split(",")[0] for line in finished] == [f"{n} of 4 steps" for n in (1, 2, 3, 4)]
    assert "started  train full, seed 1" in lines
    assert "left" in finished[0]
    assert "left" not in finished[-1]
    assert len(lines) == 9
    assert "\x1b" not in plain[1]


def test_the_engines_own_log_lies_in_a_file(plain: tuple[Path, str]) -> None:
    logs = [*(plain[0] / ".snakemake/log").glob("*.log")]
    assert len(logs) == 1
    assert "rule train_student:" in logs[0].read_text()


def test_the_next_time_begins_with_a_forecast_from_what_was_measured(plain: tuple[Path, str]) -> None:
    folder = plain[0]
    measured = json.loads((folder / "study/logs/durations.json").read_text())
    assert [*measured] == ["train_student"]
    assert len(measured["train_student"]) == 4
    done = subprocess.run(_command(folder), cwd=folder, env=_environment(), capture_output=True, text=True)
    assert "Nothing to be done" in done.stderr


def test_a_plan_looks_as_snakemake_writes_it(plain: tuple[Path, str], tmp_path: Path) -> None:
    done = subprocess.run(_command(tmp_path, "-n"), cwd=tmp_path, env=_environment(), capture_output=True, text=True)
    assert done.returncode == 0
    assert any(line.split() == ["train_student", "4"] for line in done.stdout.splitlines())


def test_an_error_names_rule_and_log(tmp_path: Path) -> None:
    command = _command(tmp_path, "--keep-going")
    (tmp_path / "Snakefile").write_text(SNAKEFILE.replace("BROKEN", "full-0"))
    done = subprocess.run(command, cwd=tmp_path, env=_environment(), capture_output=True, text=True)
    assert done.returncode == 1
    assert "Error in rule train_student" in done.stderr
    assert "study/logs/train-full-0-key.log" in done.stderr
    assert "3 of 4 steps" in done.stderr


def test_a_terminal_shows_one_live_screen(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    child = subprocess.Popen(_command(tmp_path), cwd=tmp_path, env=_environment(), stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        shown += part
    assert child.wait() == 0
    text = shown.decode()
    assert "4 of 4 steps" in text
    assert "\x1b[?25l" in text
    assert text.count("\x1b[?25h") == 1  # the cursor is given back
    assert "started  train" not in text


def test_time_left_is_what_like_jobs_took_divided_by_how_many_run_at_once() -> None:
    progress = Progress(Durations())
    progress.planned({"all": 1, "train_student": 4, "score": 2})
    assert progress.left_s(100.0) is None  # nothing measured yet
    assert not progress.started(Job(9, "all"), 100.0)
    for number in (0, 1, 1):  # one of them was started again
        assert progress.started(Job(number, "train_student"), 100.0)
    progress.finished(0, 110.0)
    assert progress.left_s(110.0) is None  # no score measured yet
    progress.durations.add("score", 4.0)
    # two trainings wait (20 s), one runs for as long as the measured one took (0 s), two scores wait (8 s); two at once
    assert progress.left_s(110.0) == pytest.approx(14.0)


def test_a_damaged_file_of_durations_costs_the_forecast_only(tmp_path: Path) -> None:
    file = tmp_path / "durations.json"
    for damaged in ("{", "[1]", '{"score": "x"}', '{"score": [null]}'):
        file.write_text(damaged)
        found = Durations()
        found.open(file)
        assert found.mean("score") is None
        found.add("score", 2.0)
        assert json.loads(file.read_text()) == {"score": [2.0]}


def test_spans_are_written_as_people_say_them() -> None:
    told = {35: "35 s", 240: "4 min", 7800: "2 h 10 min", 274_000: "3 d 4 h"}
    assert {seconds: span(seconds) for seconds in told} == told
