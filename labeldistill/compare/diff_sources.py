"""Sources of one side of a diff: a folder of results or reports, or a revision of the repository."""

import fnmatch
import io
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from labeldistill.config.run_files import ADOPTED, INGESTED, RECORD, SCORES
from labeldistill.errors import InputError

SMALL_FILES = (
    *("table.csv", "records.json", RECORD, INGESTED, ADOPTED),
    *(SCORES, "benchmark-*.json"),
)
"""Names of all files that a diff reads."""

FOLDERS = ("reports", "results")
"""Folders of a revision that contain them."""


@contextmanager
def opened(name: str, repository: Path | None = None) -> Iterator[Path]:
    """Yield a folder with the small files of `name`: an existing folder, else a git revision, else a DVC revision.

    Raises:
        InputError: neither a folder nor a revision, or a revision without results or reports.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        yield folder
        return
    repository = repository or Path()
    commit = _git(repository, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    if commit is None:
        raise InputError("is neither a folder nor a revision of this repository", file=name)
    with TemporaryDirectory(prefix="labeldistill-diff-") as temporary:
        target = Path(temporary)
        top = Path((_git(repository, "rev-parse", "--show-toplevel") or b".").decode().strip())
        if not (_from_git(top, commit.decode().strip(), target) + _from_dvc(top, commit.decode().strip(), target)):
            raise InputError(
                f"no results in this revision: neither git nor DVC has {' or '.join(FOLDERS)} with records there; "
                "commit a report (git add -f reports/<study>) or give a folder",
                file=name,
            )
        yield target


def _git(repository: Path, *arguments: str) -> bytes | None:
    try:
        done = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout


def _wanted(path: str) -> bool:
    name = path.rpartition("/")[2]
    return any(fnmatch.fnmatch(name, pattern) for pattern in SMALL_FILES)


def _from_git(top: Path, commit: str, target: Path) -> int:
    """Write files from the commit's tree into `target`; returns their number."""
    listed = (_git(top, "ls-tree", "-r", "-z", "--name-only", commit, "--", *FOLDERS) or b"").decode().split("\0")
    files = [path for path in listed if _wanted(path)]
    if not files:
        return 0
    packed = _git(top, "archive", commit, "--", *files)
    if packed is None:
        return 0
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(target, filter="data")
    return len(files)


def _from_dvc(top: Path, commit: str, target: Path) -> int:
    """Write files from DVC's outputs of the commit into `target`; returns their number, 0 without its cache."""
    if _git(top, "cat-file", "-e", f"{commit}:.dvc/config") is None:
        return 0
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException

    written = 0
    try:
        stored: Any = DVCFileSystem(str(top), rev=commit)
        for folder in FOLDERS:
            paths = stored.find(folder) if stored.exists(folder) else []
            for path in filter(_wanted, paths):
                copy = target / path.lstrip("/")
                if not copy.is_file():
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    copy.write_bytes(stored.read_bytes(path))
                    written += 1
    except (DvcException, OSError):
        return written
    return written
