"""Randomness as a function of (seed, step): a resumed run draws what the uninterrupted one would have drawn."""

import hashlib
import random

import numpy as np
import torch


def derived_seed(*parts: int | str) -> int:
    """A 63-bit seed from a tuple of integers and names; the same on every machine and version.

    Args:
        *parts: what the seed is for, such as (seed, "init", "student").
    """
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def seed_everything(*parts: int | str) -> None:
    """Seed Python, NumPy and torch (every device).

    Args:
        *parts: as for `derived_seed`.
    """
    seed = derived_seed(*parts)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
