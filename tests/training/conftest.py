import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from stage_runs import DATA, WORLD, Runs

from labeldistill.config.data import DataSettings
from labeldistill.data.infos import build_infos
from labeldistill.nuscenes.synth.write import write_world

TOY = Path(__file__).with_name("toy_training.py")
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
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    root = tmp_path_factory.mktemp("stages")
    write_world(WORLD, root / "world")
    data = DataSettings(dataroot=str(root / "world"), **DATA)
    made = Runs(build_infos(data, root / "world", root / "infos"), root)
    for unit in ("teacher", "label-encoder", "baseline", "full"):
        made.train(unit)
    return made
