"""The `slurm` profile on a real Slurm: preempted trainings resume, a time limit warns, bad requests are refused."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from slurm_cluster import Cluster, running_cluster
from workplace import NANO, ROOT, Workplace

pytestmark = [pytest.mark.slow, pytest.mark.slurm, pytest.mark.timeout(1800)]
PROFILE = str(ROOT / "workflow/profiles/slurm")
# what a test changes of the profile: few jobs at a time, a look at them often, no wait for a network file system
QUICK = ("--jobs", "4", "--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "5")
TRAINING = ("train_teacher", "train_label_encoder", "train_student")
STUDY: dict[str, Any] = {
    **NANO,
    "variants!": {"baseline": {"terms": {"detection": 1.0, "depth": 3.0}}},
    "claims!": {},
    # long enough to be caught in the middle
    "student_training": {"steps": 60, "batch": 2, "warmup_steps": 1, "checkpoint_every_steps": 5},
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as up:
        yield up


class ClusterPlace(Workplace):
    """A workplace whose Snakemake speaks to the test's Slurm."""

    def __init__(self, folder: Path, path: Path | None, study: dict[str, Any] = STUDY) -> None:
        super().__init__(folder)
        self.write(study)
        self.path = path

    def command(self, *arguments: str) -> tuple[str, ...]:
        return (
            *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "workflow/Snakefile")),
            *("--profile", PROFILE, *QUICK, "--config", "study=nano", *arguments),
        )

    def environment(self) -> dict[str, str]:
        env = {**os.environ, "LABELDISTILL_STUDIES": str(self.studies), "PYTHONPATH": str(ROOT)}
        tools = f"{Path(sys.executable).parent}:{env['PATH']}"
        return {**env, "PATH": f"{self.path}:{tools}" if self.path else tools}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        out = (self.folder / "snakemake.log").open("w")
        return subprocess.Popen(
            self.command(*arguments), cwd=self.folder, env=self.environment(), stdout=out, stderr=out, text=True
        )

    def said(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """Exit code and output of a call that must end by itself, and soon."""
        env = {**self.environment(), **environment}
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=1200,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


WORK = """
import pathlib, signal, sys, time

state = pathlib.Path("state")
if not state.exists():
    asked = []
    signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
    while not asked:
        time.sleep(0.1)
    time.sleep(2)  # as long as a checkpoint takes
    state.write_text("half done")
    sys.exit(143)
pathlib.Path(sys.argv[1]).write_text("gone on from " + state.read_text())
"""
LIMITED = """
rule work:
    output: "result"
    resources: mem_mb=200, runtime=3
    shell: "exec {python} work.py {{output}}"
"""


@pytest.fixture(scope="module")
def limited(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator["tuple[ClusterPlace, Any]"]:
    """A workflow whose one job has a time limit, started: it waits for minutes, so other tests go on meanwhile."""
    place = ClusterPlace(tmp_path_factory.mktemp("limited"), cluster.path)
    (place.folder / "work.py").write_text(WORK)
    (place.folder / "Snakefile").write_text(LIMITED.format(python=sys.executable))
    process = place.start("--snakefile", str(place.folder / "Snakefile"))
    yield place, process
    process.kill()


def _until(what: str, there: Any, process: subprocess.Popen[str], log: Path, seconds: float = 1200) -> None:
    deadline = time.monotonic() + seconds
    while not there():
        assert process.poll() is None, f"ended before {what}\n{log.read_text()[-3000:]}"
        assert time.monotonic() < deadline, f"no {what}\n{log.read_text()[-3000:]}"
        time.sleep(0.2)


def _job_of(cluster: Cluster, rule: str) -> str | None:
    """Id of the running job of a rule."""
    for line in cluster.ask("squeue", "--noheader", "--states=RUNNING", "--format=%i %k").splitlines():
        number, comment = line.split(maxsplit=1)
        if comment.startswith(f"rule_{rule}"):
            return number
    return None


def _results(place: Workplace) -> dict[str, bytes]:
    """Scores and weights of every run, by path."""
    results = place.folder / "results/nano"
    files = [*results.rglob("metrics.json"), *results.rglob("weights-*.safetensors")]
    return {str(file.relative_to(results)): file.read_bytes() for file in files}


def test_a_preempted_study_ends_with_the_numbers_of_a_local_run(
    tmp_path: Path, cluster: Cluster, finished: Workplace, limited: object
) -> None:
    place = ClusterPlace(tmp_path / "cluster", cluster.path)
    log = place.folder / "snakemake.log"
    gpus = [f"{rule}:gpu=1" for rule in TRAINING]  # the study computes on the CPU, so that numbers can be equal
    process = place.start("--set-resources", *gpus)
    try:
        folder = place.folder / "results/nano/baseline/seed-3"
        _until("a checkpoint of the student", lambda: any(folder.glob("*/checkpoint")), process, log)
        job = _job_of(cluster, "train_student")
        assert job is not None
        assert "gres:gpu:1" in cluster.ask("scontrol", "show", "job", job)
        cluster.ask("scontrol", "requeue", job)
        code = process.wait(1500)
    finally:
        process.kill()
    assert code == 0, log.read_text()[-3000:]
    events = [json.loads(line)["event"] for line in next(folder.glob("*/events.jsonl")).read_text().splitlines()]
    assert [event for event in events if event != "progress"] == ["started", "stopped", "resumed", "finished"]
    assert len(list(place.folder.glob("reports/nano/*/index.html"))) == 1

    found = _results(place)
    local = Workplace(tmp_path / "local")
    local.write(STUDY)
    scores = next(name for name in found if name.startswith("baseline/") and name.endswith("metrics.json"))
    done = local.snakemake(f"results/nano/{scores}")
    assert done.returncode == 0, done.stderr[-3000:]
    here = _results(local)
    assert len(here) >= 3
    assert {name: found[name] for name in here} == here
    # teacher and label encoder are those of the study that the other tests look at
    others = _results(finished)
    for unit in ("teacher", "label-encoder"):
        same = [name for name in others if name.startswith(f"{unit}/")]
        assert len(same) == 3
        assert {name: found[name] for name in same} == {name: others[name] for name in same}


def test_the_time_limit_asks_for_a_checkpoint_and_the_job_goes_on(limited: tuple[ClusterPlace, Any]) -> None:
    """A limit of three minutes, the profile's two before it: asked within the first minute, for Slurm may be early."""
    place, process = limited
    code = process.wait(1200)
    said = (place.folder / "snakemake.log").read_text()
    assert code == 0, said
    assert (place.folder / "result").read_text() == "gone on from half done"
    assert "SLURM status is: 'FAILED'" in said, "asked before the limit, not ended by it (TIMEOUT)"
    assert "TIMEOUT" not in said
    assert "Trying to restart job" in said


# -- bad input: told at once, before Snakemake waits for jobs that never start -----------------------------------------


def test_without_slurm_the_message_says_so(tmp_path: Path) -> None:
    place = ClusterPlace(tmp_path / "place", None)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "sh", "env", "which", "uname"):
        (tools / name).symlink_to(str(shutil.which(name)))
    code, said = place.said(PATH=str(tools))
    assert code != 0
    assert "no Slurm on this machine: sbatch, squeue, sinfo, scontrol, scancel not found" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--default-resources", "slurm_partition=nowhere"), ("--partition=nowhere", "invalid partition")),
        (("--set-resources", "train_teacher:gpu=4"), ("--gpus=4", "node configuration is not available", "gpu:2")),
        (("--set-resources", "train_teacher:mem_mb=990000"), ("--mem=990000", "not available", "200000")),
        (("--set-resources", "infos:slurm_partition=short"), ("more than partition short allows", "10:00")),
    ],
    ids=["an unknown partition", "more GPUs than a node has", "more memory than a node has", "more time than allowed"],
)
def test_what_slurm_can_not_give_is_told(
    tmp_path: Path, cluster: Cluster, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    place = ClusterPlace(tmp_path, cluster.path)
    code, said = place.said(*arguments)
    assert code != 0
    assert "Slurm can't run" in said
    for word in words:
        assert word in said, said
    assert "Traceback" not in said
    assert not list(place.folder.glob("results/nano/*")), "a job ran"


def test_a_study_of_four_gpus_is_told_by_its_own_setting(tmp_path: Path, cluster: Cluster) -> None:
    place = ClusterPlace(tmp_path, cluster.path, {**STUDY, "device": "auto", "devices_per_run": 4})
    code, said = place.said()
    assert code != 0
    assert "--gpus=4" in said
    assert "devices_per_run" in said


def test_a_study_of_more_nodes_than_there_are_is_told_by_its_own_setting(tmp_path: Path, cluster: Cluster) -> None:
    place = ClusterPlace(tmp_path, cluster.path, {**STUDY, "nodes_per_run": 2})
    code, said = place.said()
    assert code != 0
    assert "--nodes=2 --ntasks=2" in said
    assert "nodes_per_run" in said
    code, said = place.said("--set-resources", "train_student:nodes=3")
    assert code != 0
    assert "train_student asks for" in said
    assert "this job runs on 2 node(s) (`nodes_per_run` of the study)" in said
