"""Cycles, pedestrians, barriers and cones; as in `vehicles`, parts inside a box L x W x H standing on z = 0."""

from numpy.random import Generator

from labeldistill.synthetic.paint import (
    DARK,
    HEAD_LIGHT,
    ORANGE,
    SKIN,
    STEEL,
    TAIL_LIGHT,
    TYRE,
    WHITE,
    clothing,
    mixed,
)
from labeldistill.synthetic.parts import Colour, Part, Patch, Size, block

STRIPE: Colour = (0.88, 0.90, 0.82)


def _rider(L: float, W: float, H: float, seat: float, rng: Generator) -> list[Part]:
    """A rider who leans forward: hips behind, head ahead of the middle."""
    coat = clothing(rng)
    back, ahead = -0.22 * L, 0.02 * L
    torso = Part((back, back + 0.26, -W * 0.40, W * 0.40), (ahead, ahead + 0.22, -W * 0.44, W * 0.44), seat, 0.86 * H,
                 coat, 24)  # fmt: skip
    head = block((ahead + 0.04, ahead + 0.27), (-0.12, 0.12), (0.86 * H, H), mixed(coat, DARK, 0.6), lidar=30)
    legs = block((back + 0.05, back + 0.40), (-W * 0.36, W * 0.36), (0.30 * H, seat), clothing(rng), lidar=18)
    return [torso, head, legs]


def motorcycle(size: Size, paint: Colour, rng: Generator, rider: bool) -> list[Part]:
    """Two wheels, tank and seat, a high handlebar with the head light ahead.

    Args:
        size: length, width and height of the box, metres.
        paint: main colour.
        rng: random numbers of the object.
        rider: whether somebody rides it.
    """
    L, W, H = size
    seat = 0.52 * H
    wheel = min(0.32, 0.24 * H + 0.05)
    low = Patch("left", 0.0, 0, 0.25, 0.8, DARK, lidar=12)
    frame = block(
        (-L * 0.30, L * 0.22), (-0.17, 0.17), (0.25 * H, seat), paint, low, lidar=36, taper=(0, 0.1, 0.04, 0.04)
    )
    light = Patch("back", 0, 0.2, 0.8, 0.4, TAIL_LIGHT, lidar=220, glow=0.7)
    tail = block((-L / 2, -L * 0.22), (-0.12, 0.12), (0.40 * H, seat + 0.06), paint, light, lidar=36)
    fork = Part((L * 0.32, L * 0.44, -0.08, 0.08), (L * 0.16, L * 0.24, -0.08, 0.08), 0.2 * H, 0.62 * H, STEEL, 40)
    bar = block((L * 0.10, L * 0.24), (-W / 2, W / 2), (0.60 * H, 0.72 * H), DARK,
                Patch("front", 0, 0, 0.28, 0.9, HEAD_LIGHT, lidar=120, glow=0.9), lidar=30)  # fmt: skip
    tyres = [block((x - wheel, x + wheel), (-0.07, 0.07), (0.0, 2 * wheel), TYRE, lidar=9, taper=(0.1, 0.1, 0, 0))
             for x in (-L / 2 + wheel, L / 2 - wheel)]  # fmt: skip
    screen = (
        [] if rider else [block((L * 0.12, L * 0.22), (-0.14, 0.14), (0.72 * H, H), mixed(paint, DARK, 0.3), lidar=20)]
    )
    return [frame, tail, fork, bar, *tyres, *screen, *(_rider(L, W, H, seat, rng) if rider else [])]


def bicycle(size: Size, paint: Colour, rng: Generator, rider: bool) -> list[Part]:
    """Two thin wheels, a thin frame, a wide handlebar ahead; a rider sits above the rear wheel.

    Args:
        size: length, width and height of the box, metres.
        paint: main colour.
        rng: random numbers of the object.
        rider: whether somebody rides it.
    """
    L, W, H = size
    seat = 0.56 * H
    radius = min(0.34, 0.30 * H)
    tyres = [block((x - radius, x + radius), (-0.03, 0.03), (0.0, 2 * radius), TYRE, lidar=9, taper=(0.12, 0.12, 0, 0))
             for x in (-L / 2 + radius, L / 2 - radius)]  # fmt: skip
    frame = block((-L * 0.20, L * 0.22), (-0.035, 0.035), (0.28 * H, 0.52 * H), paint, lidar=40, taper=(0.1, 0, 0, 0))
    stem = Part((L * 0.26, L * 0.32, -0.04, 0.04), (L * 0.18, L * 0.24, -0.04, 0.04), 0.3 * H, 0.72 * H, STEEL, 40)
    top = 0.80 * H if rider else H
    bar = block((L * 0.14, L * 0.24), (-W / 2, W / 2), (0.70 * H, top if not rider else 0.78 * H), DARK, lidar=25)
    saddle = block((-L * 0.26, -L * 0.10), (-0.09, 0.09), (0.52 * H, seat + 0.05), DARK,
                   Patch("back", 0, -0.3, 0.7, 0.5, TAIL_LIGHT, lidar=230, glow=0.5), lidar=15)  # fmt: skip
    return [*tyres, frame, stem, bar, saddle, *(_rider(L, W, H, seat, rng) if rider else [])]


def pedestrian(size: Size, paint: Colour, rng: Generator) -> list[Part]:
    """Striding legs, a forward-leaning torso, face at the front, a backpack behind.

    Args:
        size: length, width and height of the box, metres.
        paint: main colour.
        rng: random numbers of the object.
    """
    L, W, H = size
    coat, trousers, hair = clothing(rng), clothing(rng), mixed(clothing(rng), DARK, 0.7)
    legs = [
        Part((x, x + 0.28 * L, y0, y1), (-0.03 * L, 0.24 * L, y0, y1), 0.0, 0.48 * H, trousers, 18)
        for x, y0, y1 in ((0.20 * L, 0.02, 0.17), (-0.21 * L, -0.17, -0.02))
    ]
    low, high = (-0.12 * L, 0.27 * L), (0.03 * L, 0.39 * L)
    torso = Part((*low, -W * 0.38, W * 0.38), (*high, -W * 0.42, W * 0.42), 0.46 * H, 0.84 * H, coat, 24)
    arms = block((-0.03 * L, 0.49 * L), (-W / 2, W / 2), (0.56 * H, 0.66 * H), mixed(coat, DARK, 0.15), lidar=22)
    face = Patch("front", 0, -0.2, 0.8, 0.75, SKIN, lidar=30)
    head = block((0.09 * L, 0.43 * L), (-0.10, 0.10), (0.86 * H, H), hair, face, lidar=15)
    stripe = Patch("back", 0, 0.1, 0.7, 0.12, STRIPE, lidar=230)
    pack = block((-L / 2, -0.09 * L), (-W * 0.30, W * 0.30), (0.52 * H, 0.82 * H), clothing(rng), stripe, lidar=30)
    return [*legs, torso, arms, head, pack]


def barrier(size: Size, paint: Colour, rng: Generator) -> list[Part]:
    """A wide foot and a narrow striped wall, across the heading (nuScenes barriers are wide and short).

    Args:
        size: length, width and height of the box, metres.
        paint: main colour.
        rng: random numbers of the object.
    """
    L, W, H = size
    colour = (ORANGE, WHITE, (0.70, 0.70, 0.68))[int(rng.integers(3))]
    stripe = WHITE if colour == ORANGE else (0.85, 0.15, 0.10)
    bands = [
        Patch(f, u, 0.2, 0.12, 0.45, stripe, lidar=170, mirror=True) for f in ("front", "back") for u in (0.3, 0.8)
    ]
    foot = block((-L / 2, L / 2), (-W / 2, W / 2), (0.0, 0.35 * H), mixed(colour, DARK, 0.15), lidar=50,
                 taper=(L * 0.2, L * 0.2, 0, 0))  # fmt: skip
    wall = block(
        (-L * 0.3, L * 0.3), (-W / 2, W / 2), (0.35 * H, H), colour, *bands, lidar=60, taper=(L * 0.1, L * 0.1, 0, 0)
    )
    return [foot, wall]


def traffic_cone(size: Size, paint: Colour, rng: Generator) -> list[Part]:
    """A dark foot under a tall tapered body with reflecting bands.

    Args:
        size: length, width and height of the box, metres.
        paint: main colour.
        rng: random numbers of the object.
    """
    L, W, H = size
    foot = block((-L / 2, L / 2), (-W / 2, W / 2), (0.0, 0.07), DARK, lidar=15)
    band = [
        Patch(f, 0.0, v, 2.0, 0.14, WHITE, lidar=240) for f in ("front", "back", "left", "right") for v in (-0.15, 0.45)
    ]
    side = 0.36 * W
    cone = block((-side, side), (-side, side), (0.07, H), ORANGE, *band, lidar=90, taper=(0.72 * side,) * 4)
    return [foot, cone]
