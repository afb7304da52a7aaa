"""A hand-written nuScenes folder, fresh for each test that wants to damage it."""

import shutil
from pathlib import Path

import pytest
from tiny_nuscenes import TinyWorld


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyWorld:
    return TinyWorld(tmp_path_factory.mktemp("tiny-nuscenes"))


@pytest.fixture
def own(tiny: TinyWorld, tmp_path: Path) -> Path:
    """A copy of the folder that a test may damage."""
    return Path(shutil.copytree(tiny.root, tmp_path / "world"))
