"""What a job requests from Slurm, and parsing time limits (tests/workflow/test_slurm_profile.py uses a real Slurm)."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.exceptions import WorkflowError

from labeldistill.cluster.slurm import check_slurm, launcher, machines, minutes, options


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("30", None),  # sinfo never prints bare numbers
        ("0:30", 0.5),
        ("10:00", 10),
        ("1:00:00", 60),
        ("2-12:00:00", 3600),
        ("infinite", None),
        ("n/a", None),
    ],
)
def test_time_limits_are_read_as_sinfo_prints_them(limit: str, expected: float | None) -> None:
    assert minutes(limit) == expected


def test_a_job_asks_for_what_its_rule_says_and_for_nothing_else() -> None:
    resources = {"gpu": 4, "mem_mb": 128_000, "runtime": 1440, "nodes": 1, "gpu_jobs": 1, "tmpdir": "/tmp"}
    assert set(options(resources, 4)) == {
        "--gpus=4",
        "--mem=128000",
        "--time=1440",
        "--nodes=1",
        "--cpus-per-task=4",
    }


def test_no_gpu_is_not_an_ask_for_none() -> None:
    assert options({"gpu": 0, "slurm_extra": "--exclusive --signal=TERM@120"}, 1) == (
        *("--cpus-per-task=1", "--exclusive", "--signal=TERM@120"),
    )


def test_a_training_on_two_machines_asks_for_gpus_on_each_and_starts_one_task_there() -> None:
    asked = machines(2, 4)
    assert set(options({"mem_mb": 128_000, **asked}, 8)) == {
        *("--nodes=2", "--ntasks=2", "--gres=gpu:4", "--cpus-per-task=8", "--mem=128000"),
    }
    command = launcher(2, 4).format(threads=8)
    assert command.startswith("srun --nodes=2 --ntasks=2 --ntasks-per-node=1 --cpus-per-task=8 --gres=gpu:4 ")
    assert "gres" not in machines(2, 0)
    assert "gres" not in launcher(2, 0)


def test_a_training_on_one_machine_is_started_as_it_is() -> None:
    assert machines(1, 4) == {"gpu": 4}
    assert launcher(1, 4) == ""


def _workflow(executor: str, *resources: dict[str, object]) -> SimpleNamespace:
    jobs = [SimpleNamespace(resources=each) for each in resources]
    dag = SimpleNamespace(needrun_jobs=lambda: jobs)
    return SimpleNamespace(executor_plugin=SimpleNamespace(name=executor), dag=dag)


def test_only_slurm_starts_a_training_on_several_machines() -> None:
    check_slurm(_workflow("local", {"gpu": 1}), 2)  # all trainings are done
    for executor in ("local", "kubernetes"):
        with pytest.raises(WorkflowError, match=r"`nodes_per_run` of the study is 2, and only Slurm"):
            check_slurm(_workflow(executor, {"gpu": 1}, machines(2, 1)), 2)


def test_other_executors_need_no_slurm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    check_slurm(_workflow("local"))
    with pytest.raises(WorkflowError, match="no Slurm on this machine: sbatch"):
        check_slurm(_workflow("slurm"))


def test_a_dead_controller_is_told_in_its_own_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("sbatch", "squeue", "sinfo", "scontrol", "scancel"):
        tool = tmp_path / name
        tool.write_text("#!/bin/sh\necho 'Unable to contact slurm controller (connect failure)' >&2\nexit 1\n")
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WorkflowError, match=r"does not answer: Unable to contact slurm controller"):
        check_slurm(_workflow("slurm"))
