"""The code and the data behind a result."""

import hashlib
import subprocess
from pathlib import Path
from typing import Any

from labeldistill.errors import InputError
from labeldistill.files import file_sha256, read_json
from labeldistill.study.code_version import SOURCES

REPOSITORY = Path(__file__).resolve().parents[2]
_TIMEOUT_S = 30


def _git(*arguments: str, repository: Path) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(repository), *arguments], capture_output=True, timeout=_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace")


def code_provenance(repository: Path = REPOSITORY) -> dict[str, Any]:
    """Commit, whether sources differ from it, and a hash of that difference; None for what git does not report.

    Only sources count (package, workflow, pins): results that a study writes into the repository do not.
    """
    commit = _git("rev-parse", "HEAD", repository=repository)
    diff = _git("diff", "HEAD", "--", *SOURCES, repository=repository)
    new = _git("ls-files", "--others", "--exclude-standard", "--", *SOURCES, repository=repository)
    if commit is None or diff is None or new is None:
        return {"commit": None, "dirty": None, "diff_hash": None}
    dirty = bool(diff or new)
    return {"commit": commit.strip(), "dirty": dirty, "diff_hash": _diff_hash(diff, new, repository) if dirty else None}


def _diff_hash(diff: str, new: str, repository: Path) -> str:
    total = hashlib.sha256(diff.encode())
    for name in sorted(new.splitlines()):
        file = repository / name
        total.update(name.encode())
        total.update(file.read_bytes() if file.is_file() else b"")
    return total.hexdigest()


def uncommitted_diff(repository: Path = REPOSITORY) -> str:
    """What the sources hold that no commit does, as text; empty where there is nothing, or no git to ask."""
    diff = _git("diff", "HEAD", "--", *SOURCES, repository=repository) or ""
    new = _git("ls-files", "--others", "--exclude-standard", "--", *SOURCES, repository=repository) or ""
    return diff + "".join(_as_new(repository, name) for name in sorted(new.splitlines()))


def _as_new(repository: Path, name: str) -> str:
    """A file that git does not know, as a diff that adds it."""
    file = repository / name
    lines = file.read_bytes().decode(errors="replace").splitlines() if file.is_file() else []
    head = (
        f"diff --git a/{name} b/{name}\nnew file mode 100644\n--- /dev/null\n+++ b/{name}\n@@ -0,0 +1,{len(lines)} @@\n"
    )
    return head + "".join(f"+{line}\n" for line in lines)


def data_provenance(infos_dir: Path) -> dict[str, Any]:
    """The content of the columnar index: version, samples, scenes, SHA-256 of its tables, and one hash of all this.

    Raises:
        InputError: no index there.
    """
    facts = read_json(infos_dir / "index.json")
    if not isinstance(facts, dict):
        raise InputError("is not an index", file=infos_dir / "index.json")
    tables = {file.name: file_sha256(file) for file in sorted(infos_dir.glob("*.parquet"))}
    depth = infos_dir / "depth.bin"  # gigabytes at full size, and the index of its rows is among the tables
    found = {
        "index": infos_dir.name,
        "version": facts.get("version"),
        "samples": facts.get("samples"),
        "scenes": len(facts.get("scenes", [])),
        "tables": tables,
        "sensor_files": facts.get("sensor_files"),
        "depth_bytes": depth.stat().st_size if depth.is_file() else None,
    }
    lines = [f"{name} {value}" for name, value in tables.items()] + [f"depth {found['depth_bytes']}"]
    return {**found, "manifest_hash": hashlib.sha256("\n".join(lines).encode()).hexdigest()}
