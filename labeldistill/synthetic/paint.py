"""Colours of vehicles (per instance, with less regard to class in harder worlds), clothes and fixed materials."""

from numpy.random import Generator

from labeldistill.synthetic.parts import Colour

GLASS: Colour = (0.10, 0.13, 0.17)
TYRE: Colour = (0.05, 0.05, 0.06)
STEEL: Colour = (0.45, 0.46, 0.48)
CHASSIS: Colour = (0.27, 0.27, 0.28)
DARK: Colour = (0.12, 0.12, 0.13)
HEAD_LIGHT: Colour = (1.0, 0.98, 0.88)
TAIL_LIGHT: Colour = (0.85, 0.05, 0.05)
PLATE: Colour = (0.85, 0.85, 0.75)
SKIN: Colour = (0.75, 0.55, 0.45)
ORANGE: Colour = (0.95, 0.38, 0.08)
WHITE: Colour = (0.92, 0.92, 0.90)

PAINTS: tuple[Colour, ...] = (
    (0.88, 0.88, 0.87), (0.60, 0.62, 0.64), (0.30, 0.31, 0.33), (0.09, 0.09, 0.10), (0.55, 0.08, 0.09),
    (0.10, 0.18, 0.45), (0.12, 0.32, 0.22), (0.70, 0.60, 0.42), (0.85, 0.68, 0.10), (0.80, 0.35, 0.10),
    (0.25, 0.45, 0.65), (0.40, 0.27, 0.20),
)  # fmt: skip
_TYPICAL: dict[str, tuple[Colour, ...]] = {
    "car": PAINTS[:6],
    "truck": ((0.90, 0.90, 0.90), (0.25, 0.45, 0.65)),
    "construction_vehicle": ((0.90, 0.68, 0.08), (0.85, 0.55, 0.08)),
    "bus": ((0.10, 0.32, 0.62), (0.15, 0.50, 0.30)),
    "trailer": ((0.72, 0.72, 0.70), (0.55, 0.20, 0.12)),
}
_CLOTHES: tuple[Colour, ...] = (
    (0.12, 0.14, 0.22), (0.75, 0.72, 0.68), (0.60, 0.12, 0.14), (0.18, 0.35, 0.24), (0.20, 0.30, 0.60),
    (0.85, 0.75, 0.20), (0.30, 0.28, 0.27), (0.90, 0.88, 0.86),
)  # fmt: skip


def _varied(colour: Colour, rng: Generator, amount: float = 0.06) -> Colour:
    r, g, b = (min(max(c + float(d), 0.03), 0.97) for c, d in zip(colour, rng.normal(0, amount / 2, 3), strict=True))
    return (r, g, b)


def vehicle_paint(name: str, difficulty: float, rng: Generator) -> Colour:
    """A vehicle's paint, typical of its class with probability 1 - difficulty, otherwise any."""
    typical = rng.random() >= difficulty and name in _TYPICAL
    palette = _TYPICAL[name] if typical else PAINTS
    return _varied(palette[int(rng.integers(len(palette)))], rng)


def clothing(rng: Generator) -> Colour:
    """A piece of clothing."""
    return _varied(_CLOTHES[int(rng.integers(len(_CLOTHES)))], rng)


def mixed(a: Colour, b: Colour, share: float) -> Colour:
    """`share` of `b` in `a`."""
    r, g, blue = (x * (1 - share) + y * share for x, y in zip(a, b, strict=True))
    return (r, g, blue)
