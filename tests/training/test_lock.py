import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from labeldistill.errors import InputError
from labeldistill.training.lock import RunLock, wait_until_free

HOLD = """
import sys, time
from pathlib import Path
from labeldistill.training.lock import RunLock, wait_until_free
with RunLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_with_the_first_ones_pid(tmp_path: Path) -> None:
    file = tmp_path / "run" / ".lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(file)], stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(InputError, match=rf"another run is writing into this folder \(process {first.pid} on "):
            RunLock(file).__enter__()
        first.kill()
    assert file.exists()  # what a killed process leaves behind
    with RunLock(file):
        assert json.loads(file.read_text())["pid"] == os.getpid()
    assert not file.exists()


def test_not_twice_in_one_process(tmp_path: Path) -> None:
    with RunLock(tmp_path / ".lock"), pytest.raises(InputError, match=f"process {os.getpid()}"):
        RunLock(tmp_path / ".lock").__enter__()
    with RunLock(tmp_path / ".lock"):
        pass


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="can't be locked"):
        RunLock(tmp_path / "file" / ".lock").__enter__()


def test_waiting_ends_with_the_process_that_holds_the_lock(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run" / ".lock"
    wait_until_free(file)  # nobody was ever there
    with subprocess.Popen([sys.executable, "-c", HOLD, str(file)], stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        first.stdout.readline()
        threading.Timer(0.5, first.kill).start()
        begun = time.monotonic()
        wait_until_free(file, every_s=0.05)
        assert time.monotonic() - begun >= 0.4
    assert capsys.readouterr().out.count(f"waiting for process {first.pid}") == 1


def test_nobody_waits_for_another_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run" / ".lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(file)], stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        first.stdout.readline()
        file.write_text(json.dumps({"pid": first.pid, "host": "node17"}))
        wait_until_free(file)
        first.kill()
    assert not capsys.readouterr().out
