"""A Slurm of one machine for a test: munged, slurmctld and slurmd with two fake GPUs, in a folder of its own.

It can pretend to be several nodes: then as many slurmd run, each with its own port.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CLIENTS = ("sbatch", "srun", "squeue", "sinfo", "scontrol", "scancel", "sacct", "sacctmgr")
DAEMONS = ("munged", "slurmctld", "slurmd")

CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CryptoType=crypto/munge
# a requeued job may start once its old credentials have expired, by default after two minutes
AuthInfo=socket={at}/munge.socket,cred_expire=20
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SlurmctldPidFile={at}/slurmctld.pid
SlurmdPidFile={at}/slurmd-%n.pid
SlurmctldPort={ports[0]}
SlurmdSpoolDir={at}/spool/%n
StateSaveLocation={at}/state
SlurmctldLogFile={at}/slurmctld.log
SlurmdLogFile={at}/slurmd-%n.log
SlurmdParameters=config_overrides
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=200000,bf_interval=5
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
MinJobAge=300
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
{nodes}
PartitionName=debug Nodes=ALL Default=YES MaxTime=120:00 State=UP
PartitionName=short Nodes=ALL MaxTime=10:00 State=UP
"""
NODE = "NodeName={} NodeHostname={} NodeAddr=127.0.0.1 Port={} CPUs=4 RealMemory=200000 Gres=gpu:2 State=UNKNOWN"


def why_not() -> str:
    """Why no Slurm can be brought up here; empty if one can."""
    missing = [name for name in (*DAEMONS, "sbatch") if _found(name) is None]
    if missing:
        return f"needs {', '.join(missing)} (Debian: apt-get install slurmctld slurmd slurm-client munge)"
    return "" if os.geteuid() == 0 else "slurmd runs as root only"


def _found(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


class Cluster:
    """The running daemons. `path` comes first on PATH: its commands speak to this Slurm, whatever else is installed."""

    def __init__(self, folder: Path, nodes: int = 1) -> None:
        self.folder, self.path, self.nodes = folder, folder / "bin", nodes
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Write the settings, start the daemons, wait until the nodes are idle."""
        for name in ("bin", "spool", "state"):
            (self.folder / name).mkdir()
        host = socket.gethostname().split(".")[0]
        conf = self.folder / "slurm.conf"
        # the first node has the machine's name, which can be looked up
        names = [host, *(f"{host}-pretended-{number}" for number in range(1, self.nodes))]
        ports = _free_ports(1 + self.nodes)
        nodes = "\n".join(NODE.format(name, host, port) for name, port in zip(names, ports[1:], strict=True))
        conf.write_text(CONF.format(at=self.folder, host=host, ports=ports, nodes=nodes))
        # any character device passes for a GPU
        (self.folder / "gres.conf").write_text("Name=gpu File=/dev/null\nName=gpu File=/dev/zero\n")
        for name in CLIENTS:  # wrappers, for the executor takes SLURM_CONF out of a job's environment
            wrapper = self.path / name
            wrapper.write_text(f'#!/bin/sh\nSLURM_CONF={conf} exec {_found(name)} "$@"\n')
            wrapper.chmod(0o755)
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        of_munge = (f"--{name}={self.folder}/munge.{name.split('-')[0]}" for name in ("socket", "pid-file", "log-file"))
        self._daemon("munged", "--force", "--foreground", f"--key-file={key}", f"--seed-file={key}.seed", *of_munge)
        self._until("the socket of munged", lambda: (self.folder / "munge.socket").exists())
        self._daemon("slurmctld", "-D", "-f", str(conf))
        for name in names:
            self._daemon("slurmd", "-D", "-f", str(conf), "-N", name)
        idle = ("sinfo", "--noheader", "--partition=debug", "--states=idle", "--format=%D")
        self._until("an idle node", lambda: self.ask(*idle).strip() == str(self.nodes))

    def stop(self) -> None:
        """End every job, then the daemons."""
        self.ask("scancel", "--user=root")
        deadline = time.monotonic() + 20
        while self.ask("squeue", "--noheader", "--states=RUNNING,COMPLETING") and time.monotonic() < deadline:
            self.ask("scancel", "--user=root", "--signal=KILL", "--full")
            time.sleep(0.5)
        for process in reversed(self._processes):
            process.terminate()
        for process in reversed(self._processes):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()

    def ask(self, *command: str) -> str:
        """What a Slurm command prints; empty when it fails."""
        env = {**os.environ, "PATH": f"{self.path}:{os.environ['PATH']}"}
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
        return done.stdout if done.returncode == 0 else ""

    def _daemon(self, name: str, *arguments: str) -> None:
        program = _found(name)
        assert program is not None
        with (self.folder / f"{name}.out").open("ab") as out:
            self._processes.append(subprocess.Popen((program, *arguments), stdout=out, stderr=out))

    def _until(self, what: str, there: Callable[[], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not there():
            if time.monotonic() > deadline or any(process.poll() is not None for process in self._processes):
                logs = "\n".join(f"{f.name}: {f.read_text()[-500:]}" for f in self.folder.glob("*.[lo][ou][gt]"))
                raise RuntimeError(f"Slurm did not come up ({what} is missing)\n{logs}")
            time.sleep(0.2)


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@contextmanager
def running_cluster(nodes: int = 1) -> Iterator[Cluster]:
    """A Slurm for the duration of a block; skips the test with the reason where none can be had."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    # a short path: a socket's name has 107 characters at most
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    cluster = Cluster(folder, nodes)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
