"""Results that can't be read or a place that can't be written: one line, exit code 2, and nothing is changed."""

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from workplace import ROOT, Workplace

pytestmark = pytest.mark.slow
VERBS = {
    "gather": ("gather", "nano", "--write"),
    "publish": ("publish", "nano", "--out", "out/numbers"),
    "crate": ("crate", "nano", "--out", "out/crate"),
}
DROP_CAPABILITY, IGNORE_PERMISSIONS = 24, 1  # prctl's PR_CAPBSET_DROP; CAP_DAC_OVERRIDE


def bound_by_permissions() -> None:
    """Root too."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(DROP_CAPABILITY, IGNORE_PERMISSIONS)


def without_root_rights(place: Workplace, *command: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "LABELDISTILL_STUDIES": str(place.studies), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "labeldistill.cli.main", *command],
        cwd=place.folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=bound_by_permissions,
    )


def state(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file() and ".cache" not in file.parts}


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    before = {path: path.stat().st_mode for path in folders}
    for path in folders:
        path.chmod(0o555)
    try:
        yield
    finally:
        for path, mode in before.items():
            path.chmod(mode)


@pytest.mark.parametrize("verb", VERBS)
def test_a_record_of_another_schema_version(finished: Workplace, verb: str) -> None:
    file = next(finished.folder.glob("results/nano/full/seed-3/*/record.json"))
    text = file.read_text()
    file.write_text(json.dumps({**json.loads(text), "schema_version": 7}))
    before = state(finished.folder)
    try:
        done = finished.run("labeldistill", *VERBS[verb])
        assert state(finished.folder) == before
    finally:
        file.write_text(text)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "record.json: schema_version: was written under schema 7, this code reads 1" in done.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_a_folder_that_is_read_only(finished: Workplace, verb: str) -> None:
    if verb == "crate":
        pytest.importorskip("rocrate", reason="needs the extra `crate`")
    (finished.folder / "out").mkdir(exist_ok=True)
    before = state(finished.folder)
    with read_only(finished.folder / "out"), read_only(finished.folder / "results/nano"):
        done = without_root_rights(finished, *VERBS[verb])
        assert state(finished.folder) == before
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "can't be written: Permission denied" in done.stderr


def test_a_full_disk_leaves_the_published_numbers_as_they_were(finished: Workplace, tmp_path: Path) -> None:
    command = ("labeldistill", "publish", "nano", "--out", str(tmp_path))
    assert finished.run(*command).returncode == 0
    for name in ("metrics.json", "keys.json"):  # as of an earlier run
        (tmp_path / name).write_text("{}\n")
    before = state(tmp_path)
    figures = [file.stat().st_size for file in tmp_path.glob("figures/*.png")]
    done = finished.run(*command, largest_file=min(figures) - 1)  # numbers still fit, figures do not
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert state(tmp_path) == before
    assert finished.run(*command).returncode == 0
    assert state(tmp_path) != before
