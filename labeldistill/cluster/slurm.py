"""What a training on several machines requests from Slurm, and whether Slurm can grant a workflow's requests.

The latter is checked before the first job, because Snakemake would wait forever.
"""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

from snakemake.exceptions import WorkflowError

COMMANDS = ("sbatch", "squeue", "sinfo", "scontrol", "scancel")
ANSWER_S = 60
"""Seconds after which a controller counts as dead; sbatch itself keeps trying."""
PASSING = ("busy", "down", "drained", "reserved")
"""Reasons to wait that end by themselves: such a job may stay in the queue."""

_OPTIONS = {
    "slurm_partition": "--partition",
    "slurm_account": "--account",
    "qos": "--qos",
    "constraint": "--constraint",
    "runtime": "--time",
    "mem_mb": "--mem",
    "mem_mb_per_cpu": "--mem-per-cpu",
    "nodes": "--nodes",
    "gpu": "--gpus",
    "gres": "--gres",
}


def machines(nodes: int, gpus: int) -> dict[str, Any]:
    """Resources of a training on `nodes` machines with `gpus` GPUs on each.

    With several, `mpi` leaves starting one task per machine to the command (see `launcher`), and GPUs are counted per
    machine because Slurm would distribute a total as it likes.
    """
    if nodes == 1:
        return {"gpu": gpus}
    return {"nodes": nodes, "tasks": nodes, "mpi": "srun", **({"gres": f"gpu:{gpus}"} if gpus else {})}


def launcher(nodes: int, gpus: int) -> str:
    """The prefix that starts a training's command on several machines; empty for one.

    A task that fails ends the others, which would wait for it. A task that is done waits for the first, which writes.
    """
    if nodes == 1:
        return ""
    of_gpus = f" --gres=gpu:{gpus}" if gpus else ""
    tasks = f"--nodes={nodes} --ntasks={nodes} --ntasks-per-node=1 --cpus-per-task={{threads}}{of_gpus}"
    return f"srun {tasks} --kill-on-bad-exit=1 --wait=0 "


def check_slurm(workflow: Any, nodes: int = 1) -> None:
    """Under `slurm`, test every kind of job with Slurm without submitting it; otherwise refuse studies that need Slurm.

    Raises:
        WorkflowError: no Slurm here, no controller that answers, a job that would be refused or wait forever, or a
            training on several `nodes` without Slurm.
    """
    executor = workflow.executor_plugin.name
    if executor != "slurm":
        if nodes > 1 and executor != "touch" and any(job.resources.get("mpi") for job in workflow.dag.needrun_jobs()):
            raise WorkflowError(
                f"`nodes_per_run` of the study is {nodes}, and only Slurm starts a training on several machines: "
                "snakemake --profile workflow/profiles/slurm, or `nodes_per_run: 1`"
            )
        return
    missing = [command for command in COMMANDS if shutil.which(command) is None]
    if missing:
        raise WorkflowError(
            f"no Slurm on this machine: {', '.join(missing)} not found on PATH. Start Snakemake on a machine that "
            "submits to the cluster (often a login node), or without the slurm profile: snakemake --cores all"
        )
    partitions = _answer("sinfo", "--noheader", "--format=%P|%l|%D|%c|%m|%G")
    refused = [told for told in (_refusal(*ask, partitions) for ask in _asks(workflow.dag).items()) if told]
    if refused:
        raise WorkflowError(
            *refused,
            f"what there is (partition|time limit|nodes|CPUs|MB|GPUs a node): {', '.join(partitions.split())}",
            "GPUs on a node, nodes: `devices_per_run` and `nodes_per_run` of the study; the rest: `default-resources` "
            "and `set-resources` of the profile",
        )


def _asks(dag: Any) -> dict[str, tuple[str, ...]]:
    """The options of one job of each kind (rule or group), the one that requests the most time."""
    units = {dag.get_job_group(job) or job for job in dag.needrun_jobs() if not job.is_local}
    found: dict[str, tuple[str, ...]] = {}
    for unit in sorted(units, key=lambda unit: int(unit.resources.get("runtime") or 0)):
        rules = {job.rule.name for job in unit.jobs} if unit.is_group() else {unit.rule.name}
        found[" + ".join(sorted(rules))] = options(unit.resources, unit.threads)
    return found


def options(resources: Mapping[str, Any], threads: int) -> tuple[str, ...]:
    """Snakemake's resources as options of sbatch, as the executor passes them."""
    given = [f"{option}={resources.get(name)}" for name, option in _OPTIONS.items() if resources.get(name)]
    if resources.get("mpi"):
        given.append(f"--ntasks={resources.get('tasks')}")
    cpus = resources.get("cpus_per_task") or threads
    return (*given, f"--cpus-per-task={cpus}", *shlex.split(str(resources.get("slurm_extra") or "")))


def _refusal(name: str, given: tuple[str, ...], partitions: str) -> str:
    """Why such a job would never run; empty if it would run, at once or later."""
    asked = dict(option.split("=", 1) for option in given if "=" in option)
    tasks = asked.get("--ntasks", "1")
    if asked.get("--nodes", tasks) != tasks:
        reason = "`nodes_per_run` of the study" if tasks != "1" else "`nodes: 1`"
        return f"{name} asks for {' '.join(given)}: this job runs on {tasks} node(s) ({reason})"
    said = _run("sbatch", "--test-only", *given, "--wrap", "true")
    reason = " ".join(said.stderr.split()) if said.returncode else _too_long(given, partitions.splitlines())
    if not reason or any(word in reason.lower() for word in PASSING):
        return ""
    return f"Slurm can't run {name}, which asks for {' '.join(given)}: {reason}"


def _too_long(given: Iterable[str], partitions: Iterable[str]) -> str:
    """Why a job would wait forever: Slurm accepts a time beyond the partition's limit but never starts the job."""
    asked = dict(option.split("=", 1) for option in given if "=" in option)
    for line in partitions:
        name, limit = line.split("|")[:2]
        chosen = asked.get("--partition", "")
        if name.rstrip("*") in chosen.split(",") if chosen else name.endswith("*"):
            most = minutes(limit)
            if most is not None and int(asked.get("--time", 0)) > most:
                return f"{asked['--time']} minutes are more than partition {name.rstrip('*')} allows ({limit})"
    return ""


def minutes(limit: str) -> float | None:
    """Slurm's [days-]hours:minutes:seconds or minutes:seconds in minutes; None for no limit."""
    found = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", limit.strip())
    if found is None:
        return None
    days, hours, mins, seconds = (int(part or 0) for part in found.groups())
    return days * 1440 + hours * 60 + mins + seconds / 60


def _answer(*command: str) -> str:
    said = _run(*command)
    if said.returncode:
        raise WorkflowError(f"Slurm's controller does not answer: {said.stderr.strip()}")
    return said.stdout


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise WorkflowError(f"Slurm's controller does not answer ({command[0]} waited {ANSWER_S} s)") from error
