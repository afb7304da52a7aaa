"""10: the moving average, written out as the sum that the recursion computes."""

import math
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from own_nets import normal
from torch import Tensor

DECAY, RAMP, STEPS = 0.999, 2000, 4
STARTS = {"callback_full": 28130 * 24, "callback_len100": 100, "no_callback_updates0": 0}


def _model(rng: Generator, step: int) -> dict[str, Tensor]:
    return {
        "fc.weight": normal(rng, 3, 4),
        "fc.bias": normal(rng, 3),
        "bn.running_mean": normal(rng, 3),
        "bn.num_batches_tracked": torch.tensor(7 + step),
    }


def _average(models: list[dict[str, Tensor]], decays: list[float], name: str) -> Tensor:
    """start * d1 * ... * dn + sum over k of model_k * (1 - dk) * d(k+1) * ... * dn; a counter stays as it was."""
    if not models[0][name].is_floating_point():
        return models[0][name]
    total = models[0][name].double() * math.prod(decays)
    for k, decay in enumerate(decays):
        total = total + models[k + 1][name].double() * (1 - decay) * math.prod(decays[k + 1 :])
    return total.float()


def ema() -> dict[str, Any]:
    """A counter so high that the ramp never acts (as released), one that starts at 100, one at 0."""
    rng, record = np.random.default_rng(10), {}
    for name, start in STARTS.items():
        models = [_model(rng, step) for step in range(STEPS + 1)]
        decays = [DECAY * (1 - math.exp(-(start + n) / RAMP)) for n in range(1, STEPS + 1)]
        averages = [{key: _average(models[: n + 1], decays[:n], key) for key in models[0]} for n in range(STEPS + 1)]
        one: dict[str, Any] = {"start": models[0], "len_updates": start}
        one["sequence"] = [
            {"model": models[n], "ema": averages[n], "updates": start + n, "decay": decays[n - 1]}
            for n in range(1, STEPS + 1)
        ]
        if name.startswith("callback"):
            state = {f"model.{key}": value for key, value in averages[-1].items()}
            one["checkpoint"] = {"epoch": 0, "global_step": STEPS, "state_dict": state}
        record[name] = one
    return record
