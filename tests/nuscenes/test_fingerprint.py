"""The fingerprint of sensor files: equal for equal data anywhere, different as soon as a file is different."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from labeldistill.errors import InputError
from labeldistill.nuscenes import fingerprint as looking
from labeldistill.nuscenes.fingerprint import SensorFiles

COUNT = 60
NAMES = [f"{part}/{row}.bin" for part in ("samples/CAM_FRONT", "sweeps/LIDAR_TOP") for row in range(COUNT // 2)]
OLD_NS = 1_600_000_000 * 10**9


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Sixty files of 100 bytes, last changed long ago."""
    rng = np.random.default_rng(0)
    for name in NAMES:
        file = tmp_path / "data" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(rng.bytes(100))
        os.utime(file, ns=(OLD_NS, OLD_NS))
    return tmp_path / "data"


@pytest.fixture
def in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Data too large to be read whole: the content of about ten files counts."""
    monkeypatch.setattr(looking, "WHOLE_BYTES", 1000)
    monkeypatch.setattr(looking, "SAMPLED_BYTES", 1000)


def files(root: Path) -> SensorFiles:
    return SensorFiles(root, lambda: NAMES, root.parent / "memory.bin")


def look(root: Path) -> str:
    return files(root).fingerprint().sha256


def unread(root: Path) -> str:
    """A file whose content does not count."""
    seen = looking.SeenFiles.recall(root.parent / "memory.bin")
    assert seen is not None
    return next(name for row, name in enumerate(seen.names) if not seen.counts(row))


def test_copies_have_one_fingerprint_whatever_their_times_and_what_lies_beside(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere" / "data"
    shutil.copytree(root, copy)
    (copy / "samples" / "CAM_FRONT" / "of-another-scene.bin").write_bytes(b"1")
    assert look(copy) == look(root)
    assert files(root).fingerprint().read == COUNT


@pytest.mark.usefixtures("in_part")
def test_copies_that_are_read_in_part_have_one_fingerprint(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "elsewhere" / "data")
    assert look(tmp_path / "elsewhere" / "data") == look(root)
    assert 0 < files(root).fingerprint().read < COUNT / 2


@pytest.mark.parametrize("part", [False, True], ids=["read whole", "read in part"])
@pytest.mark.parametrize("row", range(0, COUNT, 7))
def test_a_file_that_changed_is_seen(root: Path, request: pytest.FixtureRequest, part: bool, row: int) -> None:
    if part:
        request.getfixturevalue("in_part")
    before, file = look(root), root / NAMES[row]
    assert look(root) == before
    content = file.read_bytes()
    file.write_bytes(bytes(100))  # in place, under the same size
    zeroed = look(root)
    file.write_bytes(content[:50])
    cut = look(root)
    file.unlink()
    gone = look(root)
    assert len({before, zeroed, cut, gone}) == 4
    assert look(root) == gone
    assert files(root).fingerprint().missing == 1


def test_a_file_that_came_back_is_the_same_data_again(root: Path) -> None:
    before, file = look(root), root / NAMES[3]
    content = file.read_bytes()
    file.write_bytes(bytes(100))
    assert look(root) != before
    file.write_bytes(content)
    assert look(root) == before


def test_a_file_written_twice_within_the_clocks_tick_is_seen(root: Path) -> None:
    file = root / NAMES[3]
    file.write_bytes(bytes(100))
    before, changed = look(root), file.stat().st_mtime_ns
    file.write_bytes(b"x" * 100)
    os.utime(file, ns=(changed, changed))
    assert look(root) != before


@pytest.mark.usefixtures("in_part")
def test_reading_all_finds_what_a_look_can_not_see(root: Path) -> None:
    before, changed = look(root), unread(root)
    assert files(root).read_all()[1] is None  # nothing to compare with
    assert files(root).read_all()[1] == []
    (root / changed).write_bytes(bytes(100))
    os.utime(root / changed, ns=(OLD_NS, OLD_NS))
    assert look(root) == before
    told, found = files(root).read_all()
    assert found == [changed]
    assert told.sha256 == look(root) != before
    assert files(root).read_all()[1] == []


@pytest.mark.usefixtures("in_part")
def test_many_changed_times_ask_for_a_whole_reading(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "MOST_CHANGED", 5)
    before = look(root)
    for name in NAMES:
        os.utime(root / name)
    for _ in range(2):
        with pytest.raises(InputError, match=r"sensor files changed since the last look.*--whole"):
            look(root)
    files(root).read_all()
    assert look(root) == before


def test_short_looks_see_every_file_in_turn(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "CHUNK", 1)
    looks = -(-COUNT // 8)
    before = look(root)
    (root / NAMES[31]).write_bytes(bytes(100))
    seen = [files(root).fingerprint(seconds=1e-9).sha256 for _ in range(looks)]
    assert seen[-1] != before
    assert look(root) == seen[-1]


def test_a_replaced_file_is_seen_by_the_shortest_look(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "CHUNK", 1)
    before = look(root)
    (root / "new").write_bytes(bytes(100))
    (root / "new").rename(root / NAMES[31])  # as rsync and tar do it
    assert files(root).fingerprint(seconds=1e-9).sha256 != before


@pytest.mark.parametrize("damage", [b"", b"nonsense", b'{"format": 1}\n'])
def test_a_damaged_memory_is_made_again(root: Path, damage: bytes) -> None:
    before = look(root)
    (root.parent / "memory.bin").write_bytes(damage)
    assert look(root) == before


def test_a_memory_that_can_not_be_written_is_no_error(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert SensorFiles(root, lambda: NAMES, tmp_path / "file" / "memory.bin").fingerprint().files == COUNT


def test_a_file_replaced_under_its_size_and_time_is_seen_where_all_content_counts(root: Path) -> None:
    before, file = look(root), root / NAMES[3]
    file.write_bytes(bytes(100))
    os.utime(file, ns=(OLD_NS, OLD_NS))
    assert look(root) != before


@pytest.mark.usefixtures("in_part")
def test_other_rights_on_every_file_are_no_change(root: Path) -> None:
    before = look(root)
    for name in NAMES:
        (root / name).chmod(0o400)
    assert look(root) == before


@pytest.mark.parametrize("part", [False, True], ids=["read whole", "read in part"])
def test_files_that_come_later_make_the_fingerprint_of_the_whole(
    root: Path, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, part: bool
) -> None:
    """A first look while the data are still unpacked."""
    if part:
        request.getfixturevalue("in_part")
    monkeypatch.setattr(looking, "MOST_CHANGED", 5)
    shutil.copytree(root, tmp_path / "elsewhere" / "data")
    shutil.move(root / "sweeps", tmp_path / "aside")
    assert files(root).fingerprint().missing == COUNT / 2
    shutil.move(tmp_path / "aside", root / "sweeps")
    assert look(root) == look(tmp_path / "elsewhere" / "data")


@pytest.mark.usefixtures("in_part")
def test_a_changed_file_still_counts_after_others_came(root: Path) -> None:
    (root / NAMES[-1]).rename(root / "aside")
    look(root)
    changed = next(name for name in NAMES[:-1] if name == unread(root) or not name)
    (root / changed).write_bytes(bytes(100))
    look(root)
    (root / "aside").rename(root / NAMES[-1])
    with_change = look(root)
    (root.parent / "memory.bin").unlink()
    assert look(root) != with_change
