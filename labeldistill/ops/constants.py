"""Small numbers made on a device, or sent there once and for all instead of at each step."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor


def constant(values: Any, like: Tensor) -> Tensor:
    """`like.new_tensor(values)`, the same tensor at every call; nobody may write to it.

    Sending a number to a GPU waits for everything that the GPU has still to do.

    Args:
        values: a number, or tuples of numbers.
        like: its type and device are used.
    """
    return _made(values, like.dtype, like.device)


@lru_cache(maxsize=1024)
def _made(values: Any, dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # one made in inference mode could not take part in a later training
        return torch.tensor(values, dtype=dtype, device=device)


def sample_of_rows(parts: Sequence[Tensor]) -> Tensor:
    """The number of the part that each row of the concatenated `parts` comes from, [n] int64 on their device."""
    device = parts[0].device
    return torch.cat([torch.full((len(part),), i, dtype=torch.int64, device=device) for i, part in enumerate(parts)])
