"""Hashes of model states, to tell whether two modules hold the same bits."""

import hashlib
from collections.abc import Mapping, Sequence

from torch import Tensor, nn


def state_hash(state: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bits, independent of order and device."""
    total = hashlib.sha256()
    for name in sorted(state):
        value = state[name].detach().cpu().contiguous()
        total.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        total.update(value.flatten().view(-1).numpy().tobytes())
    return total.hexdigest()


def frozen_hashes(model: nn.Module, prefixes: Sequence[str]) -> dict[str, dict[str, str]]:
    """For every frozen part: hash of its parameters, and of its buffers (which include BatchNorm statistics)."""
    parameters = {name for name, _ in model.named_parameters()}
    state = model.state_dict()
    found = {}
    for prefix in prefixes:
        part = {name: value for name, value in state.items() if name.startswith(prefix)}
        if part:
            found[prefix.rstrip(".")] = {
                "weights": state_hash({k: v for k, v in part.items() if k in parameters}),
                "buffers": state_hash({k: v for k, v in part.items() if k not in parameters}),
            }
    return found
