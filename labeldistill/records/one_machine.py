"""A training's processes are all on one machine: it starts them itself, one a device."""

import os
from collections.abc import Mapping

from labeldistill.errors import InputError

_LAUNCHERS = {
    "SLURM_STEP_NUM_TASKS": "srun started {} processes of it; one is needed: --ntasks=1 --nodes=1 --gpus=N",
    "GROUP_WORLD_SIZE": "torchrun started it on {} machines; start it on one, without torchrun",
}


def refuse_several_machines(environment: Mapping[str, str] = os.environ) -> None:
    """Refuse to be one of several copies of a training: each would take itself for the one that writes the files.

    Raises:
        InputError: several tasks of a Slurm step, or several machines of torchrun.
    """
    for name, told in _LAUNCHERS.items():
        number = environment.get(name, "1")
        if number.isdigit() and int(number) > 1:
            raise InputError(f"a training runs on one machine and starts its own processes; {told.format(number)}")
