"""Unlabelled scenery: buildings, trees, poles and street furniture that hide objects and look a little like them."""

from numpy.random import Generator

from labeldistill.synthetic.bodies import Body
from labeldistill.synthetic.motion import Motion
from labeldistill.synthetic.paint import DARK, GLASS, PAINTS, STEEL, mixed
from labeldistill.synthetic.parts import FACADE, FOLIAGE, Colour, Part, Patch, block

_WALLS: tuple[Colour, ...] = ((0.55, 0.36, 0.28), (0.68, 0.64, 0.57), (0.50, 0.51, 0.54), (0.78, 0.74, 0.66))
_LEAVES: tuple[Colour, ...] = ((0.16, 0.30, 0.12), (0.24, 0.36, 0.14), (0.30, 0.32, 0.12))


def building(x: float, y: float, yaw: float, rng: Generator) -> Body:
    """A block of 8 to 18 m with rows of windows.

    Args:
        x, y: position in the scene, metres.
        yaw: heading, radians.
        rng: random numbers of the object.
    """
    half_l, half_w, h = rng.uniform(4, 9), rng.uniform(3, 6), rng.uniform(5, 14)
    wall = _WALLS[int(rng.integers(len(_WALLS)))]
    part = block((-half_l, half_l), (-half_w, half_w), (0, h), wall, lidar=25, surface=FACADE)
    return Body((part,), Motion(x, y, yaw))


def tree(x: float, y: float, yaw: float, rng: Generator) -> Body:
    """A trunk under a crown of two tapered blocks.

    Args:
        x, y: position in the scene, metres.
        yaw: heading, radians.
        rng: random numbers of the object.
    """
    h, r = rng.uniform(3.5, 7.0), rng.uniform(0.9, 1.7)
    leaf = _LEAVES[int(rng.integers(len(_LEAVES)))]
    foot = rng.uniform(1.6, 2.3)
    mid = (foot + h) / 2
    trunk = block((-0.15, 0.15), (-0.15, 0.15), (0, foot), (0.26, 0.20, 0.15), lidar=15)
    low = Part((-r * 0.6, r * 0.6, -r * 0.6, r * 0.6), (-r, r, -r, r), foot, mid, leaf, 18, FOLIAGE)
    high = Part((-r, r, -r, r), (-r * 0.4, r * 0.4, -r * 0.4, r * 0.4), mid, h, leaf, 18, FOLIAGE)
    return Body((trunk, low, high), Motion(x, y, yaw))


def pole(x: float, y: float, yaw: float, rng: Generator) -> Body:
    """A lamp post, or a sign on a post.

    Args:
        x, y: position in the scene, metres.
        yaw: heading, radians.
        rng: random numbers of the object.
    """
    mast = block((-0.07, 0.07), (-0.07, 0.07), (0, 5.0), STEEL, lidar=35)
    if rng.random() < 0.5:
        lamp = block((-0.1, 1.4), (-0.12, 0.12), (4.9, 5.1), DARK,
                     Patch("bottom", 0.5, 0, 0.45, 0.8, (1.0, 0.9, 0.7), glow=1.0), lidar=25)  # fmt: skip
        return Body((mast, lamp), Motion(x, y, yaw))
    colour = PAINTS[int(rng.integers(len(PAINTS)))]
    sign = block((-0.03, 0.03), (-0.35, 0.35), (2.0, 2.7), colour, lidar=230)
    return Body((mast, sign), Motion(x, y, yaw))


def furniture(x: float, y: float, yaw: float, rng: Generator) -> Body:
    """A hedge, a dumpster, a bin or a kiosk: about the size of labelled things, but not among them.

    Args:
        x, y: position in the scene, metres.
        yaw: heading, radians.
        rng: random numbers of the object.
    """
    kind = rng.integers(4)
    if kind == 0:
        half = rng.uniform(0.8, 2.5)
        part = block(
            (-half, half), (-0.4, 0.4), (0, rng.uniform(0.8, 1.4)), (0.18, 0.32, 0.13), lidar=16, surface=FOLIAGE
        )
    elif kind == 1:
        part = block((-0.9, 0.9), (-0.6, 0.6), (0, 1.3), (0.15, 0.35, 0.22), lidar=30, taper=(0, 0.2, 0, 0))
    elif kind == 2:
        part = block((-0.3, 0.3), (-0.3, 0.3), (0, 1.0), mixed(DARK, STEEL, float(rng.random())), lidar=25)
    else:
        window = Patch("front", 0, 0.2, 0.7, 0.4, GLASS, lidar=5, loss=0.5)
        part = block((-1.0, 1.0), (-1.2, 1.2), (0, 2.5), PAINTS[int(rng.integers(len(PAINTS)))], window, lidar=30)
    return Body((part,), Motion(x, y, yaw))


MAKERS = {"building": building, "tree": tree, "pole": pole, "furniture": furniture}
REACH_M = {"building": 10.0, "tree": 1.2, "pole": 0.6, "furniture": 2.0}
"""Radius (m) kept clear of other things."""
