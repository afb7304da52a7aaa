"""One scene: the ego's path, everything around it, light and weather, drawn from the scene's own seed."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from labeldistill.config.data import SynthSettings
from labeldistill.synthetic import objects, scenery
from labeldistill.synthetic.bodies import Bodies, Body, assemble
from labeldistill.synthetic.crowding import Crowd
from labeldistill.synthetic.facts import FACTS
from labeldistill.synthetic.motion import Motion, Road
from labeldistill.synthetic.objects import Thing
from labeldistill.synthetic.placement import Place, Placement, row_of
from labeldistill.synthetic.seeds import generator

KEY_FRAME_S = 0.5
_EGO_LENGTH, _EGO_WIDTH, _EGO_FORWARD = 4.7, 1.9, 1.4  # the ego's frame is on its rear axle
_TRIES = 25


@dataclass(frozen=True)
class Light:
    """Sun (or moon) direction, how bright it and the sky are, and the haze."""

    night: bool
    azimuth: float
    elevation: float
    direct: float
    ambient: float
    exposure: float
    sky: tuple[float, float, float]


@dataclass(frozen=True)
class Scene:
    """A scene in its own frame (the ego starts at the origin along +x); `place` (x, y, yaw) puts it on the globe."""

    split: str
    index: int
    ego: Motion
    road: Road
    things: tuple[Thing, ...]
    bodies: Bodies
    """Bodies of the things first, then scenery."""
    light: Light
    place: tuple[float, float, float]


def draw_scene(settings: SynthSettings, split: str, index: int) -> Scene:
    """The scene (split, index) of a world, which depends on nothing else."""
    rng = generator(settings.seed, split, index, "layout")
    span = (settings.key_frames_per_scene - 1) * KEY_FRAME_S
    speed = 0.0 if rng.random() < 0.12 else float(rng.uniform(2.0, 9.0))
    path = max(speed * span, 1.0)
    bend = float(rng.choice([0.0, 1.0], p=[0.4, 0.6])) * float(rng.uniform(-1, 1)) * min(0.04, 1.0 / path)
    road = Road(bend)
    ego = Motion(0.0, 0.0, 0.0, speed, speed * bend)
    crowd = Crowd(np.linspace(-0.1, span + 0.1, max(3, int(span / 0.25))))
    crowd.add(ego, _EGO_LENGTH + 0.6, _EGO_WIDTH + 0.3, _EGO_FORWARD)
    place = Placement(road, path, span, settings.range_m, rng)
    things = _things(settings, place, crowd, ego, rng)
    clutter = _clutter(settings, place, crowd, generator(settings.seed, split, index, "clutter"))
    bodies = assemble([thing.body for thing in things] + clutter)
    light = _light(settings, generator(settings.seed, split, index, "light"))
    where = (float(rng.uniform(250, 450)), float(rng.uniform(250, 450)), float(rng.uniform(-np.pi, np.pi)))
    return Scene(split, index, ego, road, tuple(things), bodies, light, where)


def _near_path(motion: Motion, ego: Motion, times: np.ndarray, reach: float) -> bool:  # type: ignore[type-arg]
    """Whether it is within reach of the ego at the same instant, most of the time."""
    apart = motion.at(times)[:, :2] - ego.at(times)[:, :2]
    return bool(np.median(np.hypot(apart[:, 0], apart[:, 1])) < reach)


def _things(settings: SynthSettings, place: Placement, crowd: Crowd, ego: Motion, rng: Generator) -> list[Thing]:
    low, high = settings.objects_per_scene
    wanted = int(rng.integers(low, high + 1))
    names = list(settings.classes)
    shares = np.array([FACTS[name].share / np.mean(FACTS[name].group) for name in names])
    times = np.linspace(0, place.span_s, 5)
    things: list[Thing] = []
    for _ in range(2 * wanted):
        name = names[int(rng.choice(len(names), p=shares / shares.sum()))]
        moves = bool(rng.random() < FACTS[name].moving)
        for _ in range(_TRIES):  # try the same class again, otherwise large classes would become rare
            drawn = place.draw(name, moves)
            row: list[Thing] = []
            if _near_path(drawn[0], ego, times, 0.92 * settings.range_m):
                row = _row(settings, name, drawn, crowd, rng)
            if row:
                break
        things += row
        if len(things) >= wanted:
            break
    return things[:wanted]


def _row(settings: SynthSettings, name: str, drawn: Place, crowd: Crowd, rng: Generator) -> list[Thing]:
    """One object, or a row of them for classes that come in rows; only those that fit."""
    first, moving, in_lane = drawn
    facts = FACTS[name]
    count = int(rng.integers(facts.group[0], facts.group[1] + 1))
    spacing = facts.size_m[0] + float(rng.uniform(0.6, 1.8))
    row = []
    for motion in row_of(first, count, spacing):
        size = objects.draw_size(name, rng)
        if not crowd.fits(motion, size[1], size[0]):
            continue
        attribute = objects.attribute_of(name, moving, rng, in_lane)
        crowd.add(motion, size[1], size[0])
        row.append(objects.make(name, motion, size, attribute, settings.difficulty, rng))
    return row


def _clutter(settings: SynthSettings, place: Placement, crowd: Crowd, rng: Generator) -> list[Body]:
    """Buildings away from the road, trees and poles along it, furniture around it; more in harder worlds."""
    most = {"building": 10, "tree": 12, "pole": 8, "furniture": 8}
    sides = {"building": (17.0, 30.0), "tree": (8.0, 18.0), "pole": (8.0, 9.0), "furniture": (8.5, 16.0)}
    bodies = []
    for kind, count in most.items():
        for _ in range(round(count * settings.difficulty * rng.uniform(0.6, 1.4))):
            side = 1 if rng.random() < 0.5 else -1
            n = side * float(rng.uniform(*sides[kind])) + 1.75
            x, y, yaw = place.road.pose(float(rng.uniform(-30, place.path_m + 30)), n)
            radius = scenery.REACH_M[kind]
            spot = Motion(x, y, yaw + (np.pi / 2) * int(rng.integers(4)))
            if crowd.fits(spot, 2 * radius, 2 * radius, gap=0.1):
                crowd.add(spot, 2 * radius, 2 * radius)
                bodies.append(scenery.MAKERS[kind](spot.x, spot.y, spot.yaw, rng))
    return bodies


def _light(settings: SynthSettings, rng: Generator) -> Light:
    night = bool(rng.random() < settings.night_fraction)
    azimuth, elevation = float(rng.uniform(-np.pi, np.pi)), float(rng.uniform(0.4, 1.2))
    if night:
        return Light(True, azimuth, elevation, 0.04, 0.13, float(rng.uniform(0.9, 1.2)), (0.02, 0.025, 0.05))
    cloud = float(rng.random())
    sky = (0.45 + 0.3 * cloud, 0.62 + 0.14 * cloud, 0.88 - 0.04 * cloud)
    return Light(False, azimuth, elevation, 0.75 * (1 - 0.7 * cloud), 0.45, float(rng.uniform(0.85, 1.15)), sky)
