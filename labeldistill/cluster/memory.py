"""How much memory the jobs of one machine may request together, so that no more run at once than fit."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SHARE = 0.9
"""Part of the memory that jobs may request; the rest is the system's and Snakemake's."""
_NAMES = ("mem", "mem_mb", "mem_mib")


def limit_memory(workflow: Any) -> None:
    """Give Snakemake this machine's memory as the limit of `mem_mb`, unless one was given or jobs run elsewhere.

    A job that requests more than the limit gets all of it and so runs alone.
    """
    elsewhere = workflow.resource_settings.nodes is not None
    if workflow.is_main_process and not elsewhere and not any(name in workflow.global_resources for name in _NAMES):
        workflow.register_resource("mem_mb", int(SHARE * memory_bytes() / 1e6))


def memory_bytes(root: Path = Path("/")) -> int:
    """Memory of this machine, or of the control group that this process is in if that may use less.

    Args:
        root: where `proc` and `sys` are.
    """
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([physical, *_group_limits(root)])


def _group_limits(root: Path) -> Iterator[int]:
    """Limits of the control groups, of version 2 and 1, from the own one to the root."""
    groups = root / "proc/self/cgroup"
    lines = groups.read_text(encoding="utf-8").splitlines() if groups.is_file() else []
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number != "0" and "memory" not in controllers.split(","):
            continue
        name = "memory.max" if number == "0" else "memory.limit_in_bytes"
        top = root / "sys/fs/cgroup" / ("" if number == "0" else "memory")
        own = top / path.lstrip("/")
        for folder in (own, *own.parents):
            file = folder / name
            if file.is_file() and (text := file.read_text(encoding="utf-8").strip()).isdecimal():
                yield int(text)
            if folder == top:
                break
