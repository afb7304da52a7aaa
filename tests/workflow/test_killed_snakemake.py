"""After a kill, the same command continues: the lock of a dead Snakemake is freed, that of another host is named."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from test_two_at_once import running, wait_until
from workplace import ROOT, Workplace

pytestmark = pytest.mark.slow
ASLEEP = (
    "import os, sys, time\n"
    "if 'synth' in sys.argv[1:2] and os.path.basename(sys.argv[0]) == 'labeldistill': time.sleep(300)\n"
)


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path / "place")


@contextmanager
def killed(place: Workplace) -> Iterator[None]:
    """A Snakemake that was killed while it made the world, and all its processes with it."""
    (place.folder / "fault").mkdir()
    (place.folder / "fault/sitecustomize.py").write_text(ASLEEP)
    env = {**os.environ, "LABELDISTILL_STUDIES": str(place.studies), "PYTHONPATH": f"{place.folder / 'fault'}:{ROOT}"}
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    command = ("snakemake", "--snakefile", str(ROOT / "workflow/Snakefile"), "--cores", "1", "--config", "study=nano")
    with subprocess.Popen(command, cwd=place.folder, env=env, start_new_session=True) as process:
        wait_until(lambda: any(place.folder.glob(".snakemake/labeldistill/*.locks")))
        os.killpg(process.pid, signal.SIGKILL)
    assert locks(place)
    yield


def locks(place: Workplace) -> list[Path]:
    return sorted(place.folder.glob(".snakemake/locks/*.lock"))


def test_the_same_command_goes_on_after_a_kill(place: Workplace) -> None:
    with killed(place):
        again = place.snakemake("--until", "synth")
    assert again.returncode == 0, again.stderr
    assert "freed what Snakemake process" in again.stderr
    assert not locks(place)
    assert any(place.folder.glob("results/data/synth-*"))
    assert not any(place.folder.glob(".snakemake/labeldistill/*"))


def test_a_lock_without_a_note_is_freed_where_no_snakemake_runs(place: Workplace) -> None:
    with killed(place):
        for note in place.folder.glob(".snakemake/labeldistill/*"):
            note.unlink()
        again = place.snakemake("--until", "synth")
    assert again.returncode == 0, again.stderr
    assert "freed what a Snakemake that is gone left locked" in again.stderr


def test_a_lock_of_another_host_is_named_and_kept_until_unlocked(place: Workplace) -> None:
    with killed(place):
        note = next(place.folder.glob(".snakemake/labeldistill/*.note"))
        note.write_text(json.dumps({**json.loads(note.read_text()), "host": "node17"}))
        again = place.snakemake("--until", "synth")
    assert again.returncode != 0
    assert "on node17" in again.stderr
    assert "--unlock" in again.stderr
    assert "Traceback" not in again.stderr
    assert locks(place)
    assert place.snakemake("--unlock").returncode == 0
    assert place.snakemake("--until", "synth").returncode == 0


def test_a_lock_that_is_held_is_kept(place: Workplace) -> None:
    """Also by a Snakemake of another study in the folder, while that of a dead one is freed."""
    with killed(place):
        other = {"extends": "nano", "data": {"synth": {"seed": 5}}}
        (place.studies / "other.yaml").write_text(json.dumps(other))
        command = (sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "workflow/Snakefile"), "--cores", "1")
        with running(place, *command, "--config", "study=other", "--until", "synth") as alive:
            wait_until(
                lambda: any(
                    f"-{alive.pid}." in note.name for note in place.folder.glob(".snakemake/labeldistill/*.locks")
                )
            )
            assert locks(place)
            second = place.snakemake("-n")
            out, _ = alive.communicate(timeout=200)
    assert second.returncode == 0, second.stderr
    assert "freed what Snakemake process" in out
    assert "freed" not in second.stderr
    assert alive.returncode == 0, out
