"""No more jobs at once than fit into the memory of this machine, or of the control group that it may use."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from labeldistill.cluster.memory import SHARE, limit_memory, memory_bytes

ROOT = Path(__file__).resolve().parents[2]


def _planted(root: Path, groups: str, **limits: str) -> Path:
    files = {"proc/self/cgroup": groups, **{name: f"{limit}\n" for name, limit in limits.items()}}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_the_smallest_limit_on_the_way_to_the_root_counts(tmp_path: Path) -> None:
    limits = {
        "sys/fs/cgroup/pods/memory.max": "300000000",
        "sys/fs/cgroup/pods/mine/memory.max": "max",
        "sys/fs/cgroup/others/memory.max": "7",
    }
    assert memory_bytes(_planted(tmp_path, "0::/pods/mine\n", **limits)) == 300_000_000


def test_version_1_keeps_memory_in_a_tree_of_its_own(tmp_path: Path) -> None:
    limits = {
        "sys/fs/cgroup/memory/docker/memory.limit_in_bytes": "400000000",
        "sys/fs/cgroup/cpu/docker/memory.max": "7",
    }
    assert memory_bytes(_planted(tmp_path, "4:cpu:/docker\n3:memory:/docker\n", **limits)) == 400_000_000


def test_without_a_limit_it_is_the_machines(tmp_path: Path) -> None:
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert memory_bytes(tmp_path) == physical
    assert memory_bytes(_planted(tmp_path, "0::/\n", **{"sys/fs/cgroup/memory.max": "max"})) == physical


@pytest.mark.parametrize(
    ("nodes", "main", "given"), [(100, True, {}), (None, False, {}), (None, True, {"mem_mb": 8000})]
)
def test_jobs_elsewhere_and_a_given_limit_are_left_alone(nodes: int | None, main: bool, given: dict[str, int]) -> None:
    """A submitting machine's memory must not cut down what is requested from the cluster."""
    workflow: Any = SimpleNamespace(is_main_process=main, global_resources=given)
    workflow.resource_settings = SimpleNamespace(nodes=nodes)
    limit_memory(workflow)  # has no `register_resource`


SNAKEFILE = """
from labeldistill.cluster import memory

memory.memory_bytes = lambda: {bytes}
memory.limit_memory(workflow)

rule all:
    input: "a", "b", "c"

rule small:
    output: "{{name}}"
    wildcard_constraints: name="a|b"
    resources: mem_mb=2000
    shell: "date +%s.%N > {{output}}; sleep 0.3; date +%s.%N >> {{output}}"

rule large:
    output: "c"
    resources: mem_mb=64000
    shell: "date +%s.%N > {{output}}; echo {{resources.mem_mb}} > asked; sleep 0.3; date +%s.%N >> {{output}}"
"""


def test_snakemake_starts_a_job_only_when_it_fits(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE.format(bytes=3e9 / SHARE))
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "4"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    spans = sorted([float(line) for line in (tmp_path / name).read_text().split()] for name in "abc")
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert int((tmp_path / "asked").read_text()) in (2999, 3000), "a job that asks for more than there is has it all"
