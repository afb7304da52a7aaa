"""Timing on a device: parts of repeated work, medians and their intervals."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from labeldistill.training.devices import Accelerator
from labeldistill.training.step import Phase

COVERAGE = 0.95


@dataclass
class Clock:
    """Seconds of each repeat, part by part; watches a training step."""

    accelerator: Accelerator
    parts: dict[str, list[float]] = field(default_factory=dict)

    def now(self) -> float:
        """Seconds, once the GPU has nothing more to do."""
        if self.accelerator == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    @contextmanager
    def timing(self, part: str) -> Iterator[None]:
        """Note how long the block takes, GPU work included."""
        start = self.now()
        yield
        self.parts.setdefault(part, []).append(self.now() - start)

    def phase(self, step: int, phase: Phase) -> AbstractContextManager[object]:
        """Note how long a phase of a training step takes."""
        return self.timing(phase)


class StageClock:
    """Splits the seconds of a block among the labelled modules of a model; each second belongs to the innermost one.

    Args:
        model: forward hooks are put on it.
        labels: path of a submodule -> name of its stage; paths that the model lacks are passed over.
        clock: tells the time.
    """

    def __init__(self, model: nn.Module, labels: dict[str, str], clock: Clock) -> None:
        self.clock, self.seconds = clock, dict[str, float]()
        self._stack: list[str] = []
        self._since = 0.0
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []
        for path, module in model.named_modules():
            if path in labels:
                self._hooks.append(module.register_forward_pre_hook(self._enter(labels[path])))
                self._hooks.append(module.register_forward_hook(self._leave))

    @contextmanager
    def splitting(self, rest: str) -> Iterator[dict[str, float]]:
        """Fill the yielded dict with seconds per stage; what no labelled module takes counts as `rest`."""
        self.seconds = {}
        self._stack, self._since = [rest], self.clock.now()
        yield self.seconds
        self._account()

    def remove(self) -> None:
        """Take the hooks away."""
        for hook in self._hooks:
            hook.remove()

    def _account(self) -> None:
        now = self.clock.now()
        stage = self._stack[-1]
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._since
        self._since = now

    def _enter(self, stage: str) -> Callable[..., None]:
        def enter(*unused: object) -> None:
            self._account()
            self._stack.append(stage)

        return enter

    def _leave(self, *unused: object) -> None:
        self._account()
        self._stack.pop()


def median_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """An interval for the median of repeats from their order statistics, and the probability that it holds the median.

    It assumes nothing of the repeats but that they are independent. With fewer than six it is their whole range, which
    holds the median with less than COVERAGE.

    Source: D. R. Thompson, Annals of Mathematical Statistics 7 (1936), 122-128.
    """
    found = sorted(values)
    n = len(found)
    below = 0  # how many values may be left out on each side
    tail = 0.5**n
    while below + 1 <= (n - 1) // 2:
        wider = tail + math.comb(n, below + 1) * 0.5**n
        if 2 * wider > 1 - COVERAGE:
            break
        below, tail = below + 1, wider
    return found[below], found[n - 1 - below], 1 - 2 * tail


@dataclass
class Measured:
    """Metrics with their intervals."""

    metrics: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)

    def add(self, name: str, values: Sequence[float] | NDArray[np.floating[Any]], per: float | None = None) -> None:
        """Take in the median of repeats in milliseconds, or with `per` the rate `per / seconds`.

        Args:
            name: of the metric.
            values: seconds of each repeat.
            per: for a rate: what one repeat gets done.
        """
        low, high, _ = median_interval([float(value) for value in values])
        middle = float(np.median(values))
        if per is None:
            self.metrics[name], self.intervals[name] = 1e3 * middle, (1e3 * low, 1e3 * high)
        else:
            self.metrics[name], self.intervals[name] = per / middle, (per / high, per / low)
