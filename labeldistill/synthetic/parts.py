"""The parts of objects: convex frusta (tapered cuboids) with flat patches of other material on their faces."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Size = tuple[float, float, float]
"""Length, width and height, metres."""
Colour = tuple[float, float, float]

FACES = ("back", "front", "right", "left", "bottom", "top")
"""Order of a part's planes: -x, +x, -y, +y, -z, +z in the object's frame (x forward, y left, z up)."""
PATCHES = 5
"""Largest number of patches per face."""
PLAIN, FACADE, FOLIAGE, SHADOW = range(4)
"""Kinds of surface."""


@dataclass(frozen=True)
class Patch:
    """A patch on a face, in the face's own coordinates from -1 to 1 (u along x or y, v along z or y).

    `mirror` repeats it at -u; `round_` makes it an ellipse. `lidar` is the intensity (0-255), `loss` the share of
    LiDAR pulses that never return, `glow` how much light it emits itself.
    """

    face: str
    u: float
    v: float
    half_u: float
    half_v: float
    colour: Colour
    lidar: float = 20.0
    loss: float = 0.0
    glow: float = 0.0
    mirror: bool = False
    round_: bool = False


@dataclass(frozen=True)
class Part:
    """A frustum: rectangle x0..x1, y0..y1 at height z0, another (`top`) at z1; metres in the object's frame."""

    bottom: tuple[float, float, float, float]
    top: tuple[float, float, float, float]
    z0: float
    z1: float
    colour: Colour
    lidar: float = 20.0
    surface: int = PLAIN
    patches: tuple[Patch, ...] = field(default=())

    def planes(self) -> Array:
        """Half-spaces [6, 4] (unit normal, offset): inside is normal . x <= offset; in the order of FACES."""
        (bx0, bx1, by0, by1), (tx0, tx1, ty0, ty1) = self.bottom, self.top
        dz = self.z1 - self.z0
        rows = []
        for axis, sign, low, high in ((0, -1, bx0, tx0), (0, 1, bx1, tx1), (1, -1, by0, ty0), (1, 1, by1, ty1)):
            normal = np.zeros(3)
            normal[axis], normal[2] = sign * dz, -sign * (high - low)
            normal /= np.linalg.norm(normal)
            rows.append([*normal, normal[axis] * low + normal[2] * self.z0])
        rows.append([0, 0, -1, -self.z0])
        rows.append([0, 0, 1, self.z1])
        return np.array(rows, np.float32)

    def bounds(self) -> Array:
        """Bounding box [2, 3]: least and greatest x, y, z."""
        both = np.array([self.bottom, self.top])
        low, high = both.min(0), both.max(0)
        return np.array([[low[0], low[2], self.z0], [high[1], high[3], self.z1]], np.float32)


def block(
    x: tuple[float, float],
    y: tuple[float, float],
    z: tuple[float, float],
    colour: Colour,
    *patches: Patch,
    lidar: float = 20.0,
    taper: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0),
    surface: int = PLAIN,
) -> Part:
    """A cuboid, possibly tapered.

    Args:
        x: back and front, metres.
        y: right and left, metres.
        z: bottom and top, metres.
        colour: colour of the faces.
        *patches: patches on the faces.
        lidar: LiDAR intensity, 0-255.
        taper: how far the top's back, front, right and left edges move inwards, metres.
        surface: kind of surface.
    """
    back, front, right, left = taper
    top = (x[0] + back, x[1] - front, y[0] + right, y[1] - left)
    return Part((*x, *y), top, z[0], z[1], colour, lidar, surface, patches)


def patch_rows(part: Part) -> Array:
    """Patches as a table [6, PATCHES, 12]: u, v, 1/half_u, 1/half_v, round, mirror, r, g, b, lidar, loss, glow."""
    table = np.zeros((6, PATCHES, 12), np.float32)
    table[:, :, 0], table[:, :, 2:4] = 1e6, 1.0  # an empty slot lies outside every face
    used = [0] * 6
    for patch in part.patches:
        face = FACES.index(patch.face)
        table[face, used[face]] = [
            patch.u, patch.v, 1 / patch.half_u, 1 / patch.half_v, patch.round_, patch.mirror,
            *patch.colour, patch.lidar, patch.loss, patch.glow,
        ]  # fmt: skip
        used[face] += 1
    return table
