"""Three levels of determinism, and the number of threads, for the duration of a run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch

Level = Literal["off", "warn", "strict"]

_memory: Any = torch.utils.deterministic  # a module whose setting is a property

THREADS_VARIABLE = "LABELDISTILL_THREADS"


@contextmanager
def determinism(level: Level) -> Iterator[None]:
    """Set torch's determinism and restore it afterwards.

    off: no determinism; cuDNN may choose kernels by timing. warn: deterministic kernels where they exist, otherwise a
    warning. strict: an operator without a deterministic kernel ends the run.
    """
    before = (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled())
    cudnn = (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark)
    fill = _memory.fill_uninitialized_memory
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read by cuBLAS at its first call
    torch.use_deterministic_algorithms(level != "off", warn_only=level == "warn")
    _memory.fill_uninitialized_memory = level == "strict"
    torch.backends.cudnn.deterministic = level != "off"
    torch.backends.cudnn.benchmark = level == "off"
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        _memory.fill_uninitialized_memory = fill
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = cudnn


def set_threads() -> int:
    """One CPU thread unless the variable LABELDISTILL_THREADS says otherwise; returns the number set."""
    threads = max(1, int(os.environ.get(THREADS_VARIABLE, "1") or 1))
    torch.set_num_threads(threads)
    return threads
