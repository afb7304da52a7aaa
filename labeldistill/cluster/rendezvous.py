"""The rank of this machine in a training and the address of the first one, from what started the process."""

import os
import subprocess
from collections.abc import Mapping, MutableMapping

from labeldistill.errors import InputError

NAMES = ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT")
_ANSWER_S = 60


def set_rendezvous_env(nodes: int, environment: MutableMapping[str, str] = os.environ) -> None:
    """Set NODE_RANK, MASTER_ADDR and MASTER_PORT of a training on `nodes` machines, one process started on each.

    Existing values are used, else those of the Slurm step that started one task on each machine. A helper process
    inherits them from its parent. A single machine needs none of them.

    Raises:
        InputError: copies of the training were started that do not know of each other, or a variable is not set.
    """
    tasks, machines = (_number(environment, f"SLURM_STEP_NUM_{what}", 1) for what in ("TASKS", "NODES"))
    spans = nodes > 1 and tasks == machines == nodes
    if tasks > 1 and not spans:
        raise InputError(
            f"a training starts its own processes: srun must start one task of it on each of {nodes} machine(s), not "
            f"{tasks} on {machines}; use srun --nodes={nodes} --ntasks={nodes} --ntasks-per-node=1"
        )
    if _number(environment, "GROUP_WORLD_SIZE", 1) > 1:
        raise InputError("torchrun started a training on several machines; use srun, or set " + ", ".join(NAMES))
    if spans:
        environment["NODE_RANK"] = environment["SLURM_NODEID"]
        if "MASTER_ADDR" not in environment:
            environment["MASTER_ADDR"] = _first_host(environment)
        environment.setdefault("MASTER_PORT", _port(environment))
    _check(nodes, environment)


def _check(nodes: int, environment: Mapping[str, str]) -> None:
    missing = [name for name in NAMES if nodes > 1 and name not in environment]
    if missing:
        raise InputError(
            f"a training on {nodes} machines needs {', '.join(missing)}: start it with srun --nodes={nodes} "
            f"--ntasks={nodes} --ntasks-per-node=1, or on each machine with NODE_RANK (0 to {nodes - 1}), MASTER_ADDR "
            "(the first machine) and MASTER_PORT (a free port there) set"
        )
    rank = _number(environment, "NODE_RANK", 0)
    if rank >= nodes:
        raise InputError(f"is {rank}, but the training has {nodes} machine(s), counted from 0", key="NODE_RANK")
    if nodes > 1 and not 0 < _number(environment, "MASTER_PORT", 0) < 65_536:
        raise InputError(f"is {environment['MASTER_PORT']}, which is not a port", key="MASTER_PORT")


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, str(default))
    if not text.isdecimal():
        raise InputError(f"is `{text}`, which is not a number", key=name)
    return int(text)


def _first_host(environment: Mapping[str, str]) -> str:
    listed = environment.get("SLURM_STEP_NODELIST") or environment.get("SLURM_JOB_NODELIST", "")
    command = ("scontrol", "show", "hostnames", listed)
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_S, check=True).stdout.split()
    except (OSError, subprocess.SubprocessError) as error:
        raise InputError(f"no hosts of `{listed}` from scontrol ({error}); set it", key="MASTER_ADDR") from error
    if not said:
        raise InputError("Slurm names no hosts of this step; set it", key="MASTER_ADDR")
    return said[0]


def _port(environment: Mapping[str, str]) -> str:
    """A port that is the same on every machine and different for each step, below the ephemeral ports."""
    job, step = (_number(environment, name, 0) for name in ("SLURM_JOB_ID", "SLURM_STEP_ID"))
    return str(20_000 + (16 * job + step) % 10_000)
