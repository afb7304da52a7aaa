"""Ctrl-C and a full disk in the middle of every stage: one message, the right exit code, and no partial result."""

import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from workplace import Workplace

pytestmark = pytest.mark.slow

BY_CTRL_C, BAD_INPUT = 130, 2
STUDY, RUN = ("--study", "nano"), ("baseline", "--study", "nano", "--seed", "3")

# verb -> arguments, what it leaves below the workplace, and whether that is the same to the last bit every time
STAGES: dict[str, tuple[tuple[str, ...], str, bool]] = {
    "synth": (STUDY, "results/data/synth-*", True),
    "check-data": (STUDY, "results/data/check-*.json", True),
    "infos": (STUDY, "results/data/infos-*", True),
    "train": (RUN, "results/nano/baseline/seed-3/*", False),
    "predict": (RUN, "results/nano/baseline/seed-3/*/predictions-*/detections", True),
    "score": (RUN, "results/nano/baseline/seed-3/*/predictions-*/metrics-*", False),
    "benchmark": (STUDY, "results/nano/benchmark-*.json", False),
    "arbitrate": (("nano",), "results/nano/arbitration-*", True),
    "gather": (("nano", "--write"), "results/nano/table-*", True),
    "report": (("nano",), "reports/nano/*", False),
}
PLANTED = """
import os, signal, sys
below, seen = os.environ["FAULT_BELOW"], 0

def watch(event, arguments):
    global seen
    if event == "open":
        path, _, flags = arguments
        if not isinstance(path, str) or not flags & (os.O_WRONLY | os.O_RDWR):
            return
    elif event == "os.rename":
        path = os.fspath(arguments[1])
    else:
        return
    if os.path.abspath(path).startswith(below) and "/.cache/" not in path:
        seen += 1
        if seen == int(os.environ["FAULT_AT"]):
            os.kill(os.getpid(), signal.SIGINT)

sys.addaudithook(watch)
"""


@contextmanager
def taken_away(place: Workplace, pattern: str, keep: Path) -> Iterator[list[Path]]:
    """The stage's results moved aside, and put back at the end whatever happens in between.

    What later stages made of them, below them, and Snakemake's own mark are not part of them.
    """
    found = sorted(place.folder.glob(pattern))
    assert found, pattern
    for path in found:
        shutil.move(path, keep / path.name)
    try:
        yield found
    finally:
        for path in found:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
            shutil.move(keep / path.name, path)


def contents(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    found = {str(file.relative_to(path)): file.read_bytes() for file in files}
    others = re.compile(r"(figures/)?\.snakemake_timestamp|predictions-\S+/|tensorboard/")
    return {name: content for name, content in found.items() if not others.match(name)}


@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("verb", STAGES)
def test_ctrl_c_while_a_stage_writes(finished: Workplace, verb: str, at: int, tmp_path: Path) -> None:
    """Interrupted as it opens (or renames) its first or second file; the same command then does all of it."""
    arguments, pattern, same_bits = STAGES[verb]
    (tmp_path / "fault").mkdir()
    (tmp_path / "fault/sitecustomize.py").write_text(PLANTED)
    (tmp_path / "kept").mkdir()
    fault = {"FAULT_BELOW": str(finished.folder.resolve()), "FAULT_AT": str(at)}
    with taken_away(finished, pattern, tmp_path / "kept") as paths:
        stopped = finished.run("labeldistill", verb, *arguments, first=tmp_path / "fault", **fault)
        assert stopped.returncode == BY_CTRL_C, stopped.stdout + stopped.stderr
        assert "Traceback" not in stopped.stderr
        assert "interrupted" in stopped.stderr or "stopped by SIGINT" in stopped.stderr
        again = finished.run("labeldistill", verb, *arguments)
        assert again.returncode == 0, again.stderr
        for path in paths:
            kept = contents(tmp_path / "kept" / path.name)
            assert contents(path).keys() >= kept.keys()
            if same_bits:
                assert contents(path) == kept


@pytest.mark.parametrize("verb", STAGES)
def test_a_disk_that_is_full_in_a_stage(finished: Workplace, verb: str, tmp_path: Path) -> None:
    """No file may grow: the message names one, nothing passes for a result, and with room the stage does its work."""
    arguments, pattern, same_bits = STAGES[verb]
    (tmp_path / "kept").mkdir()
    with taken_away(finished, pattern, tmp_path / "kept") as paths:
        stopped = finished.run("labeldistill", verb, *arguments, largest_file=16)
        assert stopped.returncode == BAD_INPUT, stopped.stdout + stopped.stderr
        assert "Traceback" not in stopped.stderr
        assert re.search(r"^labeldistill: \S+/\S+: can't be written: .+$", stopped.stderr, re.MULTILINE)
        again = finished.run("labeldistill", verb, *arguments)
        assert again.returncode == 0, again.stderr
        if same_bits:
            for path in paths:
                assert contents(path) == contents(tmp_path / "kept" / path.name)


def test_ctrl_c_before_a_verb_has_begun(finished: Workplace, tmp_path: Path) -> None:
    """While modules are imported: no traceback either."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "def watch(event, arguments):\n"
        "    if event == 'import' and arguments[0] == 'labeldistill.study.plan':\n"
        f"        os.kill(os.getpid(), {int(signal.SIGINT)})\n"
        "sys.addaudithook(watch)\n"
    )
    stopped = finished.run("labeldistill", "plan", "nano", first=tmp_path)
    assert stopped.returncode == BY_CTRL_C
    assert "Traceback" not in stopped.stderr
