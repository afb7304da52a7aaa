"""One labelled object: draw its size, attribute and shape."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from labeldistill.synthetic import small_things, vehicles
from labeldistill.synthetic.bodies import Body
from labeldistill.synthetic.facts import FACTS
from labeldistill.synthetic.motion import Motion
from labeldistill.synthetic.paint import vehicle_paint
from labeldistill.synthetic.parts import SHADOW, Part, block

_MARGIN = 0.03  # shapes stay this far (m) inside their box, so that range noise rarely leaves it
GROUND_GAP = 0.04
"""Boxes begin this high (m) above the ground, so that ground returns do not count as the object's."""


@dataclass(frozen=True)
class Thing:
    """A labelled object: detection class, box size (width, length, height in m), attribute ("" for none), body."""

    name: str
    size: tuple[float, float, float]
    attribute: str
    body: Body


def draw_size(name: str, rng: Generator) -> tuple[float, float, float]:
    """Width, length, height in metres, correlated, with nuScenes' mean and spread, clipped at two spreads."""
    facts = FACTS[name]
    shared = rng.normal()
    draws = np.clip(0.7 * shared + 0.7 * rng.normal(size=3), -2, 2)
    width, length, height = (
        round(float(m + s * d), 3) for m, s, d in zip(facts.size_m, facts.spread_m, draws, strict=True)
    )
    return (width, length, height)


def attribute_of(name: str, moving: bool, rng: Generator, in_lane: bool) -> str:
    """A legal nuScenes attribute that agrees with the motion.

    Args:
        name: detection class.
        moving: whether it moves.
        rng: random numbers of the object.
        in_lane: whether it stands in a lane.
    """
    if name in ("barrier", "traffic_cone"):
        return ""
    if name == "pedestrian":
        if moving:
            return "pedestrian.moving"
        return "pedestrian.standing" if rng.random() < 0.9 else "pedestrian.sitting_lying_down"
    if name in ("bicycle", "motorcycle"):
        return "cycle.with_rider" if moving else "cycle.without_rider"
    return "vehicle.moving" if moving else "vehicle.stopped" if in_lane else "vehicle.parked"


def _shadow(L: float, W: float) -> Part:
    reach = 0.12 + 0.02 * L
    return block(
        (-L / 2 - reach, L / 2 + reach), (-W / 2 - reach, W / 2 + reach), (-0.02, 0.0), (0, 0, 0), surface=SHADOW
    )


def make(
    name: str, motion: Motion, size: tuple[float, float, float], attribute: str, difficulty: float, rng: Generator
) -> Thing:
    """Build an object.

    Args:
        name: detection class.
        motion: its motion.
        size: width, length, height of the box, metres.
        attribute: nuScenes attribute, "" for none.
        difficulty: 0..1, how little the colour says about the class.
        rng: random numbers of the object.
    """
    W, L, H = size[0] - 2 * _MARGIN, size[1] - 2 * _MARGIN, size[2]
    paint = vehicle_paint(name, difficulty, rng)
    if name in ("bicycle", "motorcycle"):
        shape = getattr(small_things, name)((L, W, H), paint, rng, attribute == "cycle.with_rider")
    else:
        room = small_things if name in ("pedestrian", "barrier", "traffic_cone") else vehicles
        shape = getattr(room, name)((L, W, H), paint, rng)
    return Thing(name, size, attribute, Body((*shape, _shadow(L, W)), motion))
