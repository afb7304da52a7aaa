"""Cars, trucks, buses, trailers and construction vehicles: each with a front and a back in image and LiDAR.

Every function returns parts inside a box of length L, width W, height H (m) centred on the origin, standing on z = 0.
"""

from numpy.random import Generator

from labeldistill.synthetic.paint import (
    CHASSIS,
    DARK,
    GLASS,
    HEAD_LIGHT,
    PLATE,
    STEEL,
    TAIL_LIGHT,
    TYRE,
    WHITE,
    mixed,
)
from labeldistill.synthetic.parts import Colour, Part, Patch, Size, block


def _glass(face: str, u: float, v: float, half_u: float, half_v: float) -> Patch:
    return Patch(face, u, v, half_u, half_v, GLASS, lidar=4, loss=0.6)


def _wheels(L: float, radius: float, z0: float, z1: float, *at: float) -> list[Patch]:
    """Wheels painted on both sides of a part that spans the length L and heights z0..z1; `at` in metres from mid."""
    v = (radius - (z0 + z1) / 2) / ((z1 - z0) / 2)
    half_v = radius / ((z1 - z0) / 2)
    return [
        Patch(side, x / (L / 2), v, radius / (L / 2), half_v, TYRE, lidar=8, round_=True)
        for x in at
        for side in ("left", "right")
    ]


def _lights(v_front: float, v_back: float, size: float = 0.16) -> list[Patch]:
    """White head lights, red tail lights with reflectors, and number plates."""
    return [
        Patch("front", 0.74, v_front, size, size, HEAD_LIGHT, lidar=90, glow=0.9, mirror=True),
        Patch("back", 0.80, v_back, size, size * 1.3, TAIL_LIGHT, lidar=200, glow=0.7, mirror=True),
        Patch("back", 0.0, v_back - 0.35, 0.28, 0.14, PLATE, lidar=255),
    ]


def car(size: Size, paint: Colour, rng: Generator) -> list[Part]:
    """Hood, cabin with slanted windscreen, and (saloon) a boot or (estate, van) a steep tail.

    Args:
        size: length, width and height of the box, metres.
        paint: main colour.
        rng: random numbers of the object.
    """
    L, W, H = size
    kind = rng.choice(["saloon", "estate", "van"], p=[0.5, 0.3, 0.2])
    waist = H * {"saloon": 0.56, "estate": 0.54, "van": 0.50}[kind]
    cabin_back = -L * {"saloon": 0.36, "estate": 0.485, "van": 0.485}[kind]
    cabin_front = L * {"saloon": 0.20, "estate": 0.18, "van": 0.30}[kind]
    wheel = min(0.34, waist * 0.45)
    grille = Patch("front", 0.0, -0.05, 0.45, 0.22, DARK, lidar=10)
    body = block(
        (-L / 2, L / 2), (-W / 2, W / 2), (0.16, waist), paint,
        *_lights(0.35, 0.45), grille, *_wheels(L, wheel, 0.16, waist, -0.30 * L, 0.31 * L),
        lidar=38, taper=(0.05, 0.22, 0.05, 0.05),
    )  # fmt: skip
    rear = 0.30 if kind == "saloon" else 0.10
    cabin = block(
        (cabin_back, cabin_front), (-W / 2 + 0.07, W / 2 - 0.07), (waist, H), paint,
        _glass("front", 0, 0.0, 0.86, 0.80), _glass("back", 0, 0.15, 0.80, 0.60),
        _glass("left", 0, 0.0, 0.74, 0.66), _glass("right", 0, 0.0, 0.74, 0.66),
        lidar=38, taper=(L * rear * 0.4, L * 0.13, 0.14, 0.14),
    )  # fmt: skip
    under = block((-L / 2 + 0.3, L / 2 - 0.3), (-W / 2 + 0.12, W / 2 - 0.12), (0.0, 0.16), TYRE, lidar=6)
    return [body, cabin, under]


def truck(size: Size, paint: Colour, rng: Generator) -> list[Part]:
    """A cab lower than the cargo behind it; the cargo is a box, a flat bed with a low load, or a tank.

    Args:
        size: length, width and height of the box, metres.
        paint: main colour.
        rng: random numbers of the object.
    """
    L, W, H = size
    cab_l = min(max(1.7, 0.26 * L), 2.3)
    split = L / 2 - cab_l
    cab_h = H * 0.80 if L > 5.8 else H * 0.86
    cargo_paint = mixed(WHITE, paint, float(rng.choice([0.0, 0.15, 1.0], p=[0.5, 0.25, 0.25])))
    cab = block(
        (split, L / 2), (-W / 2 + 0.05, W / 2 - 0.05), (0.35, cab_h), paint,
        Patch("front", 0.75, -0.68, 0.14, 0.09, HEAD_LIGHT, lidar=90, glow=0.9, mirror=True),
        Patch("front", 0.0, -0.45, 0.55, 0.16, DARK, lidar=10), _glass("front", 0, 0.40, 0.86, 0.34),
        _glass("left", 0.15, 0.40, 0.55, 0.30), _glass("right", 0.15, 0.40, 0.55, 0.30),
        lidar=40, taper=(0.0, 0.25, 0.04, 0.04),
    )  # fmt: skip
    top = H if rng.random() < 0.75 else 0.62 * H
    back = [
        Patch("back", 0.86, -0.90, 0.10, 0.09, TAIL_LIGHT, lidar=220, glow=0.7, mirror=True),
        Patch("back", 0.0, -0.02, 0.02, 0.9, DARK, lidar=15),
        Patch("back", 0.0, -0.86, 0.6, 0.03, (0.8, 0.1, 0.1), lidar=230),
    ]
    cargo = block((-L / 2, split - 0.18), (-W / 2, W / 2), (0.75, top), cargo_paint, *back, lidar=55)
    wheels = _wheels(L - 0.2, 0.48, 0.05, 0.95, -0.30 * L, -0.17 * L, 0.36 * L)
    chassis = block(
        (-L / 2 + 0.1, L / 2 - 0.1), (-W / 2 + 0.08, W / 2 - 0.08), (0.05, 0.95), CHASSIS, *wheels, lidar=12
    )
    return [cab, cargo, chassis]


def bus(size: Size, paint: Colour, rng: Generator) -> list[Part]:
    """One long box with a window band, a tall raked windscreen, a door on the right, a cooling unit on the rear.

    Args:
        size: length, width and height of the box, metres.
        paint: main colour.
        rng: random numbers of the object.
    """
    L, W, H = size
    roof = H * 0.92
    side = [_glass(f, -0.03, 0.38, 0.90, 0.26) for f in ("left", "right")]
    door = Patch("right", 0.84, -0.10, 0.07, 0.80, mixed(GLASS, WHITE, 0.25), lidar=10, loss=0.4)
    sign = Patch("front", 0.0, 0.86, 0.55, 0.08, (0.95, 0.65, 0.15), lidar=30, glow=0.8)
    head = Patch("front", 0.78, -0.74, 0.13, 0.07, HEAD_LIGHT, lidar=90, glow=0.9, mirror=True)
    tail = Patch("back", 0.84, -0.45, 0.09, 0.20, TAIL_LIGHT, lidar=220, glow=0.7, mirror=True)
    body = block(
        (-L / 2, L / 2), (-W / 2 + 0.02, W / 2 - 0.02), (0.30, roof), paint, *side,
        _glass("front", 0, 0.24, 0.92, 0.52), sign, head, tail,
        _glass("back", 0, 0.48, 0.70, 0.22), Patch("back", 0, -0.45, 0.55, 0.28, DARK, lidar=12), door,
        lidar=42, taper=(0.05, 0.38, 0.06, 0.06),
    )  # fmt: skip
    unit = block((-L * 0.42, -L * 0.12), (-W * 0.32, W * 0.32), (roof, H), STEEL, lidar=35)
    wheels = _wheels(L - 0.8, 0.50, 0.02, 1.02, -0.26 * L, 0.27 * L)
    skirt = block((-L / 2 + 0.4, L / 2 - 0.4), (-W / 2, W / 2), (0.02, 1.02), mixed(paint, DARK, 0.5),
                  *wheels, lidar=20)  # fmt: skip
    return [body, unit, skirt]


def trailer(size: Size, paint: Colour, rng: Generator) -> list[Part]:
    """A container on rear axles; a low drawbar at the front, striped reflectors at the back, no cab.

    Args:
        size: length, width and height of the box, metres.
        paint: main colour.
        rng: random numbers of the object.
    """
    L, W, H = size
    bar = min(1.6, 0.14 * L)
    low = block(
        (-L / 2, L / 2 - bar), (-W / 2, W / 2), (1.10, H), paint,
        Patch("back", 0.0, 0.0, 0.02, 0.94, DARK, lidar=15),
        Patch("back", 0.0, -0.90, 0.92, 0.05, (0.85, 0.1, 0.1), 240),
        Patch("back", 0.86, -0.78, 0.08, 0.05, TAIL_LIGHT, lidar=220, glow=0.7, mirror=True),
        *(Patch(side, 0, -0.92, 0.9, 0.04, (0.9, 0.75, 0.2), 180) for side in ("left", "right")),
        lidar=60,
    )  # fmt: skip
    axle = -0.30 * L
    length = 0.34 * L
    bogie = block(
        (axle - length / 2, axle + length / 2), (-W / 2 + 0.05, W / 2 - 0.05), (0.02, 1.10), CHASSIS,
        *_wheels(length, 0.50, 0.02, 1.10, -0.55, 0.55), lidar=12,
    )  # fmt: skip
    drawbar = block((L / 2 - bar, L / 2), (-0.45, 0.45), (0.55, 1.15), STEEL, lidar=30, taper=(0, 0.2, 0.15, 0.15))
    legs = block((L * 0.22, L * 0.25), (-W * 0.3, W * 0.3), (0.0, 1.10), STEEL, lidar=25)
    return [low, bogie, drawbar, legs]


def construction_vehicle(size: Size, paint: Colour, rng: Generator) -> list[Part]:
    """Tracks or big wheels, a cab at the back, an engine behind it, a boom with a bucket reaching to the front.

    Args:
        size: length, width and height of the box, metres.
        paint: main colour.
        rng: random numbers of the object.
    """
    L, W, H = size
    tracks = block(
        (-L / 2, L * 0.18), (-W / 2, W / 2), (0.0, 0.30 * H), DARK,
        *_wheels(L * 0.68, 0.42, 0.0, 0.30 * H, -0.22 * L, 0.22 * L), lidar=10, taper=(0.15, 0.15, 0, 0),
    )  # fmt: skip
    engine = block((-L / 2 + 0.05, -L * 0.12), (-W * 0.44, W * 0.44), (0.30 * H, 0.62 * H), paint,
                   Patch("back", 0, 0.0, 0.6, 0.5, DARK, lidar=14),
                   Patch("back", 0.85, 0.6, 0.1, 0.2, TAIL_LIGHT, 200, glow=0.4, mirror=True), lidar=45)  # fmt: skip
    cab = block((-L * 0.20, L * 0.06), (0.02, W * 0.42), (0.30 * H, H * 0.94), paint,
                _glass("front", 0, 0.25, 0.85, 0.65), *(_glass(side, 0, 0.3, 0.8, 0.55) for side in ("left", "right")),
                lidar=45, taper=(0.05, 0.15, 0.05, 0.05))  # fmt: skip
    beacon = block((-L * 0.12, -L * 0.08), (W * 0.15, W * 0.25), (H * 0.94, H), (0.95, 0.55, 0.05), lidar=120)
    boom = Part((-L * 0.10, L * 0.10, -W * 0.28, -W * 0.06), (L * 0.18, L * 0.32, -W * 0.28, -W * 0.06), 0.35 * H,
                H * 0.90, paint, 45)  # fmt: skip
    arm = Part((L * 0.40, L * 0.49, -W * 0.26, -W * 0.08), (L * 0.20, L * 0.32, -W * 0.26, -W * 0.08), 0.25 * H,
               H * 0.88, paint, 45)  # fmt: skip
    bucket = block((L * 0.34, L / 2), (-W * 0.42, W * 0.14), (0.05, 0.28 * H), STEEL, lidar=30, taper=(0.2, 0, 0, 0))
    return [tracks, engine, cab, beacon, boom, arm, bucket]
