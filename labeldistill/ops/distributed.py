"""Reductions over the processes of a distributed run; every function is the identity in a single process."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """Number of processes that take part in the training."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def reduce_mean(value: Tensor) -> Tensor:
    """Mean of `value` over all processes, without gradient.

    A loss that divides its local sum by `reduce_mean(local normaliser)` equals, after gradients are averaged over the
    processes, the loss of the whole global batch. The released head does so with its number of positives
    (bev_depth_head.py).
    """
    size = world_size()
    if size == 1:
        return value
    mean = value.detach().clone().to(torch.float32) / size
    dist.all_reduce(mean)
    return mean.to(value.dtype) if value.is_floating_point() else mean


_of_step: ContextVar[Tensor | None] = ContextVar("counts of the step", default=None)


@contextmanager
def counts_of_step(counts: Tensor | None) -> Iterator[None]:
    """Losses inside are divided by the counts of the step, a mean over its micro-batches; None: each by its own."""
    token = _of_step.set(counts)
    try:
        yield
    finally:
        _of_step.reset(token)


def shared_counts(own: Tensor) -> Tensor:
    """The counts of the step where its micro-batches share them (see `counts_of_step`), otherwise `own`."""
    counts = _of_step.get()
    return own if counts is None else counts


def normaliser(count: Tensor, *, least: float, per_device: bool) -> Tensor:
    """What a loss divides its local sum by.

    Args:
        count: the local number, or weight, of what the loss adds up; float.
        least: smallest value.
        per_device: this process's own count (switch `device_normalisation`, released); otherwise the mean over all
            processes, of which the sum is at least `least`, so that averaged gradients are those of the global batch.
    """
    if per_device:
        return count.clamp(min=least)
    return reduce_mean(count).clamp(min=least / world_size())


def reduce_max(value: Tensor) -> Tensor:
    """Largest `value` of all processes, element by element and without gradient."""
    if world_size() == 1:
        return value
    largest = value.detach().clone()
    dist.all_reduce(largest, dist.ReduceOp.MAX)
    return largest
