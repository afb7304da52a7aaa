"""What a job asks of Slurm, and how time limits read (tests/workflow/test_slurm_profile.py asks a real Slurm)."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.exceptions import WorkflowError

from labeldistill.records.slurm import check_slurm, minutes, options


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


def _workflow(executor: str) -> SimpleNamespace:
    return SimpleNamespace(executor_plugin=SimpleNamespace(name=executor))


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
