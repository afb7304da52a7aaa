"""Intervals of repeats, and seconds shared out among the stages of a model, against what they must be."""

import math
from typing import Any

import numpy as np
import pytest
from torch import Tensor, nn, ones

from labeldistill.checks.clock import Clock, Measured, StageClock, median_interval


@pytest.mark.parametrize(("count", "left_out"), [(3, 0), (5, 0), (6, 0), (9, 1), (20, 5), (50, 17)])
def test_the_interval_is_the_table_of_order_statistics(count: int, left_out: int) -> None:
    """How many values a 95 % interval leaves out on each side, as printed in tables of the sign test."""
    low, high, coverage = median_interval(range(count))
    assert (low, high) == (left_out, count - 1 - left_out)
    missed = 2 * sum(math.comb(count, k) for k in range(left_out + 1)) / 2**count
    assert coverage == pytest.approx(1 - missed)
    assert coverage >= 0.95 or count < 6


def test_the_interval_holds_the_median_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    samples = rng.exponential(size=(2000, 10))
    found = [median_interval(sample) for sample in samples]
    held = np.mean([low <= math.log(2) <= high for low, high, _ in found])
    assert held == pytest.approx(found[0][2], abs=0.015)


def test_a_rate_turns_its_interval_round() -> None:
    found = Measured()
    found.add("rate", [0.1, 0.2, 0.4], per=2)
    found.add("time", [0.1, 0.2, 0.4])
    assert found.metrics == pytest.approx({"rate": 10.0, "time": 200.0})
    assert found.intervals["rate"] == pytest.approx((5.0, 20.0))


class Ticking(Clock):
    """Time passes only where a module says so."""

    time = 0.0

    def now(self) -> float:
        return self.time


class Takes(nn.Module):
    def __init__(self, clock: Ticking, seconds: float, inner: nn.Module | None = None) -> None:
        super().__init__()
        self.clock, self.seconds, self.inner = clock, seconds, inner

    def forward(self, x: Tensor) -> Any:
        self.clock.time += self.seconds
        return x if self.inner is None else self.inner(x)


def test_each_second_belongs_to_the_innermost_stage() -> None:
    clock = Ticking("cpu")
    model = Takes(clock, 1.0, Takes(clock, 2.0, Takes(clock, 4.0)))
    stages = StageClock(model, {"inner": "outer", "inner.inner": "deep", "absent": "never"}, clock)
    for _ in range(2):
        with stages.splitting("rest") as seconds:
            model(ones(1))
            clock.time += 8.0
        assert seconds == {"rest": 9.0, "outer": 2.0, "deep": 4.0}
    stages.remove()
    with stages.splitting("rest") as seconds:
        model(ones(1))
    assert seconds == {"rest": 7.0}
