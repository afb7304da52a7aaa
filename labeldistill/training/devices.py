"""The device of a run, and refusing one that does not exist."""

import os
import sys
from typing import Any, Literal

import torch

from labeldistill.errors import InputError
from labeldistill.training.job import Device

Accelerator = Literal["cpu", "cuda"]


def resolve_device(device: Device, devices: int = 1) -> Accelerator:
    """The accelerator that `device` means.

    Raises:
        InputError: more GPUs are asked for than exist.
    """
    if devices < 1:
        raise InputError(f"at least one device is needed, got {devices}", key="devices")
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"`{device}` is not one of auto, cpu, cuda", key="device")
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "cpu" or (device == "auto" and not found):
        return "cpu"
    if devices > found:
        raise InputError(f"{devices} GPU(s) asked for, torch sees {found} on this machine", key="devices")
    return "cuda"


def usable_precision(precision: str, accelerator: Accelerator) -> str:
    """The precision to use: fp16 is for GPUs, so a CPU computes in float32 instead and says so."""
    if accelerator == "cpu" and precision == "16-mixed":
        if is_first():
            print("labeldistill: 16-mixed needs a GPU; this CPU run is in 32-true", file=sys.stderr)
        return "32-true"
    return precision


def local_rank() -> int:
    """Rank of this process among those of a distributed run on this machine."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def node_rank() -> int:
    """Rank of this machine in a distributed run."""
    return int(os.environ.get("NODE_RANK", "0"))


def is_first() -> bool:
    """Whether this is the process that writes the files of the run."""
    return local_rank() == 0 and node_rank() == 0


def describe(accelerator: Accelerator) -> dict[str, Any]:
    """Type and name of the device."""
    name = torch.cuda.get_device_name() if accelerator == "cuda" else "CPU"
    return {"type": accelerator, "name": name}
