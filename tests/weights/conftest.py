"""Output folder of imports in tests."""

from pathlib import Path

import pytest


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An output in a folder of its own, so that what was not to be written shows."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder / "imported.safetensors"
