"""Set-up that costs much is done once per test session, even if pytest-xdist runs several workers."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that all workers share; the first one makes it while the others wait.

    Args:
        factory: of the worker's temporary folders.
        name: of the folder.
        make: fills the empty folder. Tests must not change it: a test that does copies it first.
    """
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    done = folder.with_name(f"{name}.done")
    with folder.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            folder.mkdir()  # fails if the first worker's set-up failed: one reason is enough
            make(folder)
            done.touch()
    return folder
