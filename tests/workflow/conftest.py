"""One finished study for all tests of this room that only look at it, or that put back what they take away."""

import pytest
from workplace import Workplace


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    place = Workplace(tmp_path_factory.mktemp("study"))
    done = place.snakemake()
    logs = "".join(f.read_text()[-800:] for f in place.folder.glob("results/nano/logs/*.log"))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:] + logs
    return place
