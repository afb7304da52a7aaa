"""What every test may ask for: the shared reference folder (absent in a user's clone), one thread, and Ctrl-C."""

import os
import signal
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent

# A shell starts what runs in the background deaf to Ctrl-C, and every process started from there is deaf, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def shared_folder() -> Path | None:
    """The folder of recorded values and real files: LABELDISTILL_SHARED, or `shared` beside the checkout."""
    for candidate in (os.environ.get("LABELDISTILL_SHARED"), ROOT.parent / "shared"):
        if candidate and Path(candidate).is_dir():
            return Path(candidate)
    return None


@pytest.fixture(scope="session")
def shared() -> Path:
    folder = shared_folder()
    if folder is None:
        pytest.skip("needs the shared reference folder (set LABELDISTILL_SHARED); a user's clone has none")
    return folder


@pytest.fixture(scope="session")
def golden(shared: Path) -> Path:
    return shared / "golden"


@pytest.fixture(scope="session")
def real_nuscenes(shared: Path) -> Path:
    return shared / "real_nuscenes"


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)
