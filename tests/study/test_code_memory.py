"""What is cached about a module's source never belongs to other source, whatever was done to the file."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from labeldistill.study import code_memory
from labeldistill.study.code_memory import CodeMemory, Found


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A module that was last changed long ago by all of its times but `ctime`, which nobody can set."""
    file = tmp_path / "module.py"
    file.write_text("width = 3\n")
    os.utime(file, (1_000_000_000, 1_000_000_000))
    return file


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were written by this test count as settled at once."""
    monkeypatch.setattr(code_memory, "_JUST_NOW_NS", -1)


def _asked(rule: Path, module: Path, folder: Path) -> tuple[str, list[str]]:
    """The hash that a fresh process gets, and the sources that it had to look at for it."""
    looked: list[str] = []

    def ask(source: str) -> Found:
        looked.append(source)
        return f"hash of {source}", frozenset({"labeldistill.files"})

    memory = CodeMemory(folder, [rule])
    found = memory.of("module", module, ask)
    memory.save()
    assert found[1] == {"labeldistill.files"}
    return found[0], looked


def _rewritten(file: Path, text: str) -> None:
    """Another content of the same length under the same modification time: `cp -p` over it."""
    times = file.stat()
    file.write_text(text)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def _replaced(file: Path, text: str) -> None:
    other = file.with_name("other.py")
    other.write_text(text)
    shutil.copystat(file, other)
    other.replace(file)


def test_a_module_is_looked_at_once(tmp_path: Path, module: Path, settled: None) -> None:
    rule = tmp_path / "rule.py"
    rule.touch()
    assert _asked(rule, module, tmp_path) == ("hash of width = 3\n", ["width = 3\n"])
    assert _asked(rule, module, tmp_path) == ("hash of width = 3\n", [])


@pytest.mark.parametrize("change", [_rewritten, _replaced], ids=["rewritten in place", "replaced"])
def test_a_file_of_the_same_size_and_time_is_another(
    tmp_path: Path, module: Path, settled: None, change: Callable[[Path, str], None]
) -> None:
    rule = tmp_path / "rule.py"
    rule.touch()
    _asked(rule, module, tmp_path)
    before = module.stat()
    change(module, "width = 4\n")
    after = module.stat()
    assert (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    assert _asked(rule, module, tmp_path)[0] == "hash of width = 4\n"


def test_what_changed_just_now_is_not_remembered(tmp_path: Path, module: Path) -> None:
    rule = tmp_path / "rule.py"
    rule.touch()
    for _ in range(2):  # a second edit could fall into the same tick of the disk's clock
        assert _asked(rule, module, tmp_path)[1] == ["width = 3\n"]


def test_other_rules_know_nothing(tmp_path: Path, module: Path, settled: None) -> None:
    rule = tmp_path / "rule.py"
    rule.write_text("leave out comments")
    _asked(rule, module, tmp_path)
    rule.write_text("count comments")
    assert _asked(rule, module, tmp_path)[1] == ["width = 3\n"]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"version": 1}', '{"of": {"module": 3}}'])
def test_a_damaged_memory_is_no_memory(tmp_path: Path, module: Path, settled: None, damage: str) -> None:
    rule = tmp_path / "rule.py"
    rule.touch()
    _asked(rule, module, tmp_path)
    (tmp_path / "code-hashes.json").write_text(damage)
    assert _asked(rule, module, tmp_path) == ("hash of width = 3\n", ["width = 3\n"])


def test_a_folder_that_cannot_be_written_only_costs_time(tmp_path: Path, module: Path, settled: None) -> None:
    rule = tmp_path / "rule.py"
    rule.touch()
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    for _ in range(2):
        assert _asked(rule, module, in_the_way / "folder")[0] == "hash of width = 3\n"
