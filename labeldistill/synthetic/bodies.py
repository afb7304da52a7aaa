"""All parts of a scene as arrays, so that tracing and painting index instead of looping over Python objects."""

from dataclasses import astuple, dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from labeldistill.synthetic.motion import Motion, poses_at
from labeldistill.synthetic.parts import Part, patch_rows

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]


@dataclass(frozen=True)
class Body:
    """One thing in the world: its parts in its own frame (origin on the ground), and how it moves."""

    parts: tuple[Part, ...]
    motion: Motion


@dataclass(frozen=True)
class Bodies:
    """B bodies with P parts in all. `first[b] .. first[b + 1]` are the parts of body b."""

    motions: NDArray[np.float64]
    """[B, 6], see `poses_at`."""
    first: I32
    body_of_part: I32
    planes: F32
    """[P, 6, 4] in the body's frame."""
    low: F32
    high: F32
    """Bounds of every part [P, 3]."""
    body_low: F32
    body_high: F32
    """Bounds of every body [B, 3]."""
    colour: F32
    lidar: F32
    surface: I32
    patches: F32
    """[P, 6, PATCHES, 12], see `patch_rows`."""

    def poses(self, time_s: float) -> NDArray[np.float64]:
        """[B, 3]: x, y, yaw of every body in the scene's frame."""
        return poses_at(self.motions, time_s)


def assemble(bodies: list[Body]) -> Bodies:
    """Arrays of a list of bodies."""
    parts = [part for body in bodies for part in body.parts]
    counts = [len(body.parts) for body in bodies]
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    bounds = np.stack([part.bounds() for part in parts])
    spans = list(pairwise(first))
    return Bodies(
        motions=np.array([astuple(body.motion) for body in bodies]),
        first=first,
        body_of_part=np.repeat(np.arange(len(bodies)), counts).astype(np.int32),
        planes=np.stack([part.planes() for part in parts]),
        low=bounds[:, 0],
        high=bounds[:, 1],
        body_low=np.stack([bounds[a:b, 0].min(0) for a, b in spans]),
        body_high=np.stack([bounds[a:b, 1].max(0) for a, b in spans]),
        colour=np.array([part.colour for part in parts], np.float32),
        lidar=np.array([part.lidar for part in parts], np.float32),
        surface=np.array([part.surface for part in parts], np.int32),
        patches=np.stack([patch_rows(part) for part in parts]),
    )
