"""What people call a version of the code."""

import subprocess
from pathlib import Path

import pytest

from labeldistill import __version__
from labeldistill.study.code_version import code_version


def _git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


def _commit(folder: Path, file: str, text: str) -> None:
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text(text)
    _git(folder, "add", file)
    _git(folder, "commit", "-qm", text)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    _git(tmp_path, "init", "-q")
    _commit(tmp_path, "labeldistill/a.py", "1")
    return tmp_path


def _version(repository: Path) -> str:
    code_version.cache_clear()
    return code_version(repository)


def test_only_sources_make_a_new_version(repository: Path) -> None:
    first = _version(repository)
    assert first.startswith(f"{__version__}-g")
    _commit(repository, "reports/page.html", "2")
    assert _version(repository) == first
    (repository / "labeldistill/b.py").write_text("new")
    assert _version(repository) == f"{first}-dirty"
    _commit(repository, "labeldistill/b.py", "3")
    assert _version(repository) not in (first, f"{first}-dirty")


def test_a_tag_gives_its_name(repository: Path) -> None:
    _git(repository, "tag", "v0.2")
    _commit(repository, "labeldistill/a.py", "4")
    assert _version(repository).startswith("v0.2-1-g")


def test_without_git_it_is_the_packages(tmp_path: Path) -> None:
    assert _version(tmp_path) == __version__
