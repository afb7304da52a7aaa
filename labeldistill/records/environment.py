"""The machine and the software that a run used, as JSON values."""

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import psutil
import torch

from labeldistill import __version__
from labeldistill.files import file_sha256

PACKAGES = ("torch", "numpy", "nuscenes-devkit", "pandas", "pyarrow", "pillow", "safetensors", "pydantic")
"""Packages whose versions can change a number."""

LOCK = Path(__file__).resolve().parents[2] / "constraints.txt"


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _lock_hash() -> str | None:
    return file_sha256(LOCK) if LOCK.is_file() else None


def _driver() -> str | None:
    file = Path("/proc/driver/nvidia/version")
    return file.read_text().splitlines()[0].strip() if file.is_file() else None


def environment() -> dict[str, Any]:
    """Versions, hash of the lock file, CPU and GPUs of this machine."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    gpus = [torch.cuda.get_device_name(number) for number in range(count)]
    return {
        "labeldistill": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {package: _version(package) for package in PACKAGES},
        "lock_hash": _lock_hash(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if gpus else None,  # type: ignore[no-untyped-call]
        "driver": _driver(),
        "gpus": gpus,
        "cpu": _cpu_name(),
        "cpus": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "slurm_job": os.environ.get("SLURM_JOB_ID"),
    }


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
