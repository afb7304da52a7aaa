"""How long looks at trainval's number of sensor files take; each file holds a few bytes.

    pytest tests/benchmarks -k fingerprint --benchmark-only

204,894 key-frame images, 34,149 key-frame clouds and 297,000 sweeps, on the disk of the temporary folder, warm.
"""

import os
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from labeldistill.config.data import CAMERAS
from labeldistill.nuscenes.fingerprint import SensorFiles

KEY_FRAMES, SWEEPS = 34_149, 297_000
NAMES = [f"samples/{c}/n008__{c}__{n}.jpg" for c in (*CAMERAS, "LIDAR_TOP") for n in range(KEY_FRAMES)]
NAMES += [f"sweeps/LIDAR_TOP/n008__LIDAR_TOP__{n}.pcd.bin" for n in range(SWEEPS)]

pytestmark = pytest.mark.benchmark(group=f"fingerprint: {len(NAMES):,} files")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> SensorFiles:
    root = tmp_path_factory.mktemp("many")
    for folder in {os.path.dirname(name) for name in NAMES}:  # noqa: PTH120  half a million names
        (root / folder).mkdir(parents=True)
    for number, name in enumerate(NAMES):
        descriptor = os.open(f"{root}/{name}", os.O_CREAT | os.O_WRONLY)
        os.write(descriptor, b"%d" % number)
        os.close(descriptor)
    files = SensorFiles(Path(root), lambda: NAMES, root / "memory.bin")
    files.fingerprint()
    return files


@pytest.mark.parametrize("seconds", [0.7, None], ids=["a plan", "a data check"])
def test_fingerprint(seen: SensorFiles, benchmark: BenchmarkFixture, seconds: float | None) -> None:
    told = benchmark.pedantic(seen.fingerprint, (seconds,), rounds=5)
    assert told.files == len(NAMES)
