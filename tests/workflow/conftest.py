"""One finished study for all tests of this room that only look at it, or that put back what they take away."""

import shutil
from pathlib import Path

import pytest
from made_once import made_once
from workplace import Workplace


def _run(folder: Path) -> None:
    place = Workplace(folder)
    done = place.snakemake()
    logs = "".join(f.read_text()[-800:] for f in folder.glob("results/nano/logs/*.log"))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:] + logs


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A copy for each worker, because tests take files away for a while."""
    own = tmp_path_factory.mktemp("study") / "place"
    shutil.copytree(made_once(tmp_path_factory, "nano", _run), own, symlinks=True)
    return Workplace(own)
