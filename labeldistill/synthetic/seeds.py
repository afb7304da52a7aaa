"""Seeds and tokens, which depend only on settings and on what they are for, never on which process computes them."""

import hashlib

import numpy as np
from numpy.random import Generator


def generator(*key: int | str) -> Generator:
    """A separate generator for a key such as (seed, "val", 3, "CAM_FRONT", 12)."""
    digest = hashlib.sha256("/".join(str(part) for part in key).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


def token(*key: int | str) -> str:
    """A nuScenes token (32 hex digits) for a key."""
    return hashlib.md5("/".join(str(part) for part in key).encode(), usedforsecurity=False).hexdigest()
