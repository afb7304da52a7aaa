"""Seeds and tokens, which depend only on settings and on what they are for, never on which process computes them."""

import hashlib

import numpy as np
from numpy.random import Generator


def generator(*key: int | str) -> Generator:
    """A separate random generator per key.

    Args:
        *key: what the numbers are for, such as (seed, "val", 3, "CAM_FRONT", 12).
    """
    digest = hashlib.sha256("/".join(str(part) for part in key).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


def token(*key: int | str) -> str:
    """A nuScenes token per key.

    Args:
        *key: what the token is for, such as (world, "sample", 7).

    Returns:
        32 hexadecimal digits.
    """
    return hashlib.md5("/".join(str(part) for part in key).encode(), usedforsecurity=False).hexdigest()
