"""Exponential moving average of a model's state."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

NO_RAMP = 2**60
"""Initial counter with which the ramp has no effect."""


class Ema:
    """Average of every floating-point parameter and buffer; integer buffers keep their first value.

    The decay after n updates is `decay * (1 - exp(-n / warmup_steps))`. Before training, the release sets
    the counter to the number of samples of all epochs, so that its ramp has no effect (callbacks/ema.py);
    `updates=NO_RAMP` does the same.
    """

    def __init__(
        self,
        state: Mapping[str, Tensor],
        *,
        decay: float,
        warmup_steps: float = 2000,
        updates: int = 0,
        include: Callable[[str], bool] = lambda name: True,
    ) -> None:
        """Start an average.

        Args:
            state: state dict of the model, the first value of the average.
            decay: limit of the decay after the ramp, in 0..1.
            warmup_steps: time constant of the ramp, in updates.
            updates: initial value of the counter.
        include: whether the entry of a name belongs to the average.
        """
        self.decay = decay
        self.warmup_steps = warmup_steps
        self.updates = updates
        self.state = {k: v.detach().clone() for k, v in state.items() if include(k)}
        self._floating = [k for k, v in self.state.items() if v.dtype.is_floating_point]

    def current_decay(self) -> float:
        """The decay that the latest update used."""
        return self.decay * (1 - math.exp(-self.updates / self.warmup_steps))

    @torch.no_grad()
    def update(self, state: Mapping[str, Tensor]) -> None:
        """Update the average with a model's state dict after an optimiser step."""
        self.updates += 1
        decay = self.current_decay()
        averages = [self.state[k] for k in self._floating]
        torch._foreach_mul_(averages, decay)
        torch._foreach_add_(averages, [state[k] for k in self._floating], alpha=1 - decay)

    def state_dict(self) -> dict[str, Any]:
        """Counter and averages, for a checkpoint."""
        return {"updates": self.updates, "state": self.state}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Resume from a checkpoint; names and shapes must be the same.

        Raises:
            KeyError: the saved average is of another model.
        """
        if set(saved["state"]) != set(self.state):
            raise KeyError("the saved average has other names")
        self.updates = int(saved["updates"])
        for name, value in saved["state"].items():
            self.state[name].copy_(value)
