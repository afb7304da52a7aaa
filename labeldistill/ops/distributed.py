"""Reductions over the processes of a distributed run; every function is the identity in a single process."""

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
