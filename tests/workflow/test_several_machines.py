"""One training on two nodes of a real Slurm, stopped in the middle: bit by bit that of two devices on one machine."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from slurm_cluster import Cluster, running_cluster
from test_slurm_profile import ClusterPlace, _job_of, _until
from workplace import Workplace

pytestmark = [pytest.mark.slow, pytest.mark.slurm, pytest.mark.timeout(1800)]
FILES = ("weights-raw.safetensors", "weights-ema.safetensors", "losses.csv")
SPREAD = {
    "extends": "nano",
    "nodes_per_run": 2,
    "variants!": {"baseline": {"terms": {"detection": 1.0, "depth": 3.0}}},
    "claims!": {},
    # long enough to be caught in the middle
    "student_training": {"steps": 12, "sync_batchnorm": True, "checkpoint_every_steps": 2},
}


@pytest.fixture(scope="module")
def pair() -> Iterator[Cluster]:
    with running_cluster(nodes=2) as up:
        yield up


class SpreadPlace(ClusterPlace):
    """A study over two machines, on the data of a finished one."""

    def __init__(self, finished: Workplace, path: Path | None) -> None:
        self.folder, self.studies, self.path = finished.folder, finished.studies, path
        (self.studies / "spread.yaml").write_text(yaml.safe_dump(SPREAD))

    def command(self, *arguments: str) -> tuple[str, ...]:
        every = super().command("--until", "train_student", *arguments)
        return tuple("study=spread" if word == "study=nano" else word for word in every)


def _outputs(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def test_two_nodes_of_slurm_train_as_two_devices(finished: Workplace, pair: Cluster) -> None:
    place = SpreadPlace(finished, pair.path)
    log = place.folder / "snakemake.log"
    process = place.start()
    try:
        root = place.folder / "results/spread/baseline/seed-3"
        _until("a checkpoint", lambda: any(root.glob("*/checkpoint/state.pt")), process, log)
        job = _job_of(pair, "train_student")
        assert job is not None
        assert "NumNodes=2" in pair.ask("scontrol", "show", "job", job)
        pair.ask("scancel", "--signal=TERM", job)  # what the time limit sends: to the steps, not to the batch script
        code = process.wait(1200)
    finally:
        process.kill()
    said = "".join(file.read_text()[-2000:] for file in place.folder.glob("results/spread/logs/*.log"))
    assert code == 0, log.read_text()[-3000:] + said
    (folder,) = root.iterdir()
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert [e["event"] for e in events if e["event"] != "progress"] == ["started", "stopped", "resumed", "finished"]
    assert json.loads((folder / "record.json").read_text())["device"]["processes"] == 2

    spread = _outputs(folder)
    for file in folder.iterdir():
        if file.is_file():
            file.unlink()
    command = ("labeldistill", "train", "baseline", "--study", "spread", "--seed", "3", "--nodes", "1")
    alone = finished.run(*command, "--devices", "2")
    assert alone.returncode == 0, alone.stderr
    assert _outputs(folder) == spread


def test_without_slurm_the_message_names_the_setting(finished: Workplace) -> None:
    place = SpreadPlace(finished, None)
    snakefile = place.command()[place.command().index("--snakefile") + 1]
    done = place.run("snakemake", "--snakefile", snakefile, "--cores", "1", "--forceall", "--config", "study=spread")
    assert done.returncode != 0
    assert "`nodes_per_run` of the study is 2, and only Slurm starts a training on several machines" in done.stderr
