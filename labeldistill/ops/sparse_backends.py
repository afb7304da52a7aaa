"""Implementations of sparse 3D convolution by name, and which of them a device uses."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from labeldistill.ops.gathered_conv import gathered_convolve
from labeldistill.ops.neighbours import strided_neighbours, submanifold_neighbours
from labeldistill.ops.rulebook import Sites, Triple, strided_rulebook, submanifold_rulebook
from labeldistill.ops.sparse_conv import reference_convolve


@dataclass(frozen=True)
class Backend:
    """How one implementation finds neighbours, and what it does with them.

    Attributes:
        submanifold: sites, kernel -> its own book, which has the output `sites`.
        strided: sites, kernel, stride, padding -> likewise.
        convolve: features [N, in], weight [kz, ky, kx, in, out], book -> [M, out].
    """

    submanifold: Callable[[Sites, Triple], Any]
    strided: Callable[[Sites, Triple, Triple, Triple], Any]
    convolve: Callable[[Tensor, Tensor, Any], Tensor]


BACKENDS: dict[str, Backend] = {
    "reference": Backend(submanifold_rulebook, strided_rulebook, reference_convolve),
    "gathered": Backend(submanifold_neighbours, strided_neighbours, gathered_convolve),
}
"""The tests check each one against dense convolution; `reference` is the arbiter."""


def backend_for(device: torch.device) -> str:
    """The backend of a device: the reference multiplies least, `gathered` never waits for the host."""
    return "reference" if device.type == "cpu" else "gathered"
