"""Facts about nuScenes' classes: category, mean size and spread, legal attributes, frequency, speed.

Sizes are the usual nuScenes class means (width, length, height in metres); spreads are rounded from the data set.
Shares that move follow nuScenes' attributes: most vehicles are parked, most pedestrians walk. So a detector that always
predicts 0 m/s has an mAVE near 1 here as on nuScenes.
"""

from dataclasses import dataclass

VEHICLE = ("vehicle.moving", "vehicle.stopped", "vehicle.parked")
CYCLE = ("cycle.with_rider", "cycle.without_rider")
PEDESTRIAN = ("pedestrian.sitting_lying_down", "pedestrian.standing", "pedestrian.moving")


@dataclass(frozen=True)
class ClassFacts:
    """One detection class: sizes in metres (width, length, height), speeds in m/s, `share` of all objects."""

    category: str
    size_m: tuple[float, float, float]
    spread_m: tuple[float, float, float]
    share: float
    moving: float = 0.0
    """Share of instances that move."""
    speed_mps: tuple[float, float] = (0.0, 0.0)
    group: tuple[int, int] = (1, 1)
    """Smallest and largest number of instances placed together in a row."""


FACTS: dict[str, ClassFacts] = {
    "car": ClassFacts("vehicle.car", (1.95, 4.62, 1.73), (0.15, 0.38, 0.20), 0.15, 0.22, (1.0, 10.0)),
    "truck": ClassFacts("vehicle.truck", (2.51, 6.93, 2.84), (0.25, 1.10, 0.45), 0.10, 0.20, (1.5, 9.0)),
    "construction_vehicle": ClassFacts(
        "vehicle.construction", (2.85, 6.37, 3.19), (0.25, 0.80, 0.40), 0.08, 0.10, (0.6, 3.0)
    ),
    "bus": ClassFacts("vehicle.bus.rigid", (2.94, 11.19, 3.47), (0.10, 1.00, 0.20), 0.09, 0.50, (1.5, 7.0)),
    "trailer": ClassFacts("vehicle.trailer", (2.90, 12.29, 3.87), (0.15, 1.60, 0.25), 0.10, 0.20, (1.5, 7.0)),
    "barrier": ClassFacts("movable_object.barrier", (2.53, 0.50, 0.98), (0.20, 0.05, 0.08), 0.15, group=(1, 3)),
    "motorcycle": ClassFacts("vehicle.motorcycle", (0.77, 2.11, 1.47), (0.08, 0.20, 0.09), 0.10, 0.30, (1.5, 9.0)),
    "bicycle": ClassFacts("vehicle.bicycle", (0.60, 1.70, 1.28), (0.06, 0.14, 0.14), 0.08, 0.35, (1.5, 6.0)),
    "pedestrian": ClassFacts(
        "human.pedestrian.adult", (0.67, 0.73, 1.77), (0.07, 0.09, 0.11), 0.16, 0.70, (0.7, 1.9), group=(1, 2)
    ),
    "traffic_cone": ClassFacts(
        "movable_object.trafficcone", (0.41, 0.41, 1.07), (0.05, 0.05, 0.15), 0.12, group=(1, 3)
    ),
}

CATEGORIES: tuple[str, ...] = (
    "human.pedestrian.adult",
    "human.pedestrian.child",
    "human.pedestrian.wheelchair",
    "human.pedestrian.stroller",
    "human.pedestrian.personal_mobility",
    "human.pedestrian.police_officer",
    "human.pedestrian.construction_worker",
    "animal",
    "vehicle.car",
    "vehicle.motorcycle",
    "vehicle.bicycle",
    "vehicle.bus.bendy",
    "vehicle.bus.rigid",
    "vehicle.truck",
    "vehicle.construction",
    "vehicle.emergency.ambulance",
    "vehicle.emergency.police",
    "vehicle.trailer",
    "movable_object.barrier",
    "movable_object.trafficcone",
    "movable_object.pushable_pullable",
    "movable_object.debris",
    "static_object.bicycle_rack",
)
"""All nuScenes categories, so that readers that map categories find the expected table."""

VISIBILITY: tuple[tuple[str, str, float], ...] = (
    ("1", "v0-40", 0.4),
    ("2", "v40-60", 0.6),
    ("3", "v60-80", 0.8),
    ("4", "v80-100", 1.0),
)
"""Token, level, upper bound of the visible share of pixels in all six images."""
