"""Resources that a run used: wall and CPU time, device-hours, peak memory, energy, summed over its sessions."""

import ctypes
import gc
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

_MILLIJOULES = 1e-3


def peak_memory_bytes() -> int:
    """Largest resident set of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def reset_peak_memory(device_type: str) -> None:
    """Begin a new measurement: return freed memory to the system and reset the peak (Linux, CUDA)."""
    gc.collect()
    if device_type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        return
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory(device_type: str) -> int:
    """Peak bytes since `reset_peak_memory`: allocated on the GPU, or resident in this process."""
    if device_type == "cuda":
        return int(torch.cuda.max_memory_allocated())
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return peak_memory_bytes()


def _nvml() -> tuple[Any, Any] | None:
    """NVML and its handle of the GPU in use; None where there is neither."""
    if not torch.cuda.is_available():
        return None
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
        uuid = f"GPU-{torch.cuda.get_device_properties(torch.cuda.current_device()).uuid}"
        handle = ctypes.c_void_p()
        ok = nvml.nvmlInit_v2() == 0 and nvml.nvmlDeviceGetHandleByUUID(uuid.encode(), ctypes.byref(handle)) == 0
    except (OSError, AttributeError):
        return None
    return (nvml, handle) if ok else None


def gpu_energy_j() -> float | None:
    """Energy counter of the GPU in use, joules since the driver was loaded; None if NVML does not report it."""
    if (found := _nvml()) is None:
        return None
    nvml, handle = found
    energy = ctypes.c_ulonglong()
    if nvml.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(energy)) != 0:
        return None
    return energy.value * _MILLIJOULES


def gpu_clocks_mhz() -> dict[str, int] | None:
    """Clocks of the GPU in use at this moment, MHz: of its multiprocessors and of its memory."""
    if (found := _nvml()) is None:
        return None
    nvml, handle = found
    clocks = {}
    for name, kind in (("sm", 1), ("memory", 2)):  # nvmlClockType_t
        value = ctypes.c_uint()
        if nvml.nvmlDeviceGetClockInfo(handle, kind, ctypes.byref(value)) == 0:
            clocks[name] = value.value
    return clocks or None


class Usage:
    """Counts from its creation, added to what earlier sessions used."""

    def __init__(self, earlier: dict[str, Any] | None = None) -> None:
        self._earlier = earlier or {}
        self._started = time.monotonic()
        self._cpu = self._cpu_s()
        self._energy = gpu_energy_j()
        self.waited_s = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the block as waiting for data; a GPU may still be busy with earlier steps meanwhile."""
        started = time.monotonic()
        yield
        self.waited_s += time.monotonic() - started

    @staticmethod
    def _cpu_s() -> float:
        parts = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(part.ru_utime + part.ru_stime for part in parts)

    def total(self, world: int, device_type: str) -> dict[str, Any]:
        """Sums so far; CPU time, memory and energy are of the main process and its device."""
        wall = time.monotonic() - self._started
        now = gpu_energy_j()
        energy = now - self._energy if now is not None and self._energy is not None else None
        gpu = device_type == "cuda"
        values: dict[str, Any] = {
            "sessions": 1 + self._earlier.get("sessions", 0),
            "wall_s": wall + self._earlier.get("wall_s", 0.0),
            "cpu_s": self._cpu_s() - self._cpu + self._earlier.get("cpu_s", 0.0),
            "gpu_hours": (wall * world / 3600 if gpu else 0.0) + self._earlier.get("gpu_hours", 0.0),
            "peak_memory_bytes": max(peak_memory_bytes(), self._earlier.get("peak_memory_bytes", 0)),
            "peak_gpu_memory_bytes": None,
            "data_wait_s": self.waited_s + self._earlier.get("data_wait_s", 0.0),
            "energy_j": None if energy is None else energy + (self._earlier.get("energy_j") or 0.0),
        }
        if gpu:
            earlier = self._earlier.get("peak_gpu_memory_bytes") or 0
            values["peak_gpu_memory_bytes"] = max(torch.cuda.max_memory_allocated(), earlier)
        return values
