"""Fixtures for every test: the shared reference folder (absent in a user's clone), one thread, and Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

if TYPE_CHECKING:
    from stage_runs import Runs

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


TOY = ROOT / "tests" / "support" / "toy_training.py"
ToyRun = Callable[..., int]


@pytest.fixture(scope="session")
def toy_run() -> Iterator[ToyRun]:
    """Train the toy in a process of its own: `toy_run(folder, **options) -> exit code` (negative: killed)."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(TOY), "serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdin is not None
        assert server.stdout is not None

        def run(folder: Path, **options: Any) -> int:
            assert server.stdin is not None
            assert server.stdout is not None
            server.stdin.write(json.dumps([str(folder), options]) + "\n")
            server.stdin.flush()
            return int(server.stdout.readline())

        yield run
        server.stdin.close()


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> "Runs":
    """A tiny world with a finished teacher, label encoder, baseline and full student, trained once; read-only."""
    from made_once import made_once
    from stage_runs import Runs, train_all

    root = made_once(tmp_path_factory, "stages", train_all)
    return Runs(root / "infos", root)
