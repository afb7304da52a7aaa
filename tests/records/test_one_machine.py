"""Several copies of one training are refused; its own helper processes, and jobs beside each other, are not."""

import pytest

from labeldistill.errors import InputError
from labeldistill.records.one_machine import refuse_several_machines


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"SLURM_STEP_NUM_TASKS": "8", "SLURM_STEP_NUM_NODES": "2"}, "srun started 8 processes"),
        ({"SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NUM_NODES": "1"}, "srun started 2 processes"),
        ({"GROUP_WORLD_SIZE": "2", "WORLD_SIZE": "16"}, "torchrun started it on 2 machines"),
    ],
)
def test_copies_are_refused(environment: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        refuse_several_machines(environment)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"SLURM_JOB_NUM_NODES": "4", "SLURM_STEP_NUM_NODES": "1", "SLURM_STEP_NUM_TASKS": "1"},  # one of several steps
        {"LOCAL_RANK": "1", "WORLD_SIZE": "2", "NODE_RANK": "0"},  # a helper process of ours
    ],
)
def test_one_is_not(environment: dict[str, str]) -> None:
    refuse_several_machines(environment)
