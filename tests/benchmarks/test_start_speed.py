"""How long the verbs that only look take: each in a fresh process, against a Python that imports the same few packages.

    pytest tests/benchmarks -k start --benchmark-only -s

Processor seconds of the process, so that a busy machine does not blur them.
"""

import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.benchmark(group="start-up of verbs")
UNUSED = ("torch", "lightning", "scipy.stats", "scipy.spatial", "seaborn", "matplotlib")


def seconds(*arguments: str, cwd: Path) -> float:
    """Processor seconds of a Python process with these arguments."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run([sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("verb", ["plan", "status"])
def test_start_of_a_verb(benchmark: Any, tmp_path: Path, verb: str, capsys: Any) -> None:
    command = ("-m", "labeldistill.cli.main", verb, "smoke")
    seconds(*command, cwd=tmp_path)  # byte code and code hashes are remembered from here on
    took = [benchmark.pedantic(seconds, command, {"cwd": tmp_path}, rounds=1)]
    took += [seconds(*command, cwd=tmp_path) for _ in range(4)]
    bare = min(seconds("-c", "import typer, pydantic, yaml", cwd=tmp_path) for _ in range(5))
    benchmark.extra_info |= {"processor_s": min(took), "ratio": min(took) / bare}
    with capsys.disabled():
        print(f"\n{verb}: {min(took):.2f} s, {min(took) / bare:.1f} x the import of typer, pydantic and yaml")
    assert min(took) <= 0.8


@pytest.mark.parametrize("verb", ["plan", "status", "show"])
def test_start_without_what_is_not_used(tmp_path: Path, verb: str) -> None:
    script = (
        f"import sys; sys.argv = ['labeldistill', {verb!r}, 'smoke']\n"
        "from labeldistill.cli.main import build\n"
        f"try:\n    build({verb!r})()\nexcept SystemExit:\n    pass\n"
        f"found = sorted(set({UNUSED!r}) & set(sys.modules))\nassert not found, found\n"
    )
    seconds("-c", script, cwd=tmp_path)
