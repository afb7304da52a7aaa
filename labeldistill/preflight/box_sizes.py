"""Sizes of boxes by class: classes whose names changed places, and lengths in another unit, show in their medians."""

import numpy as np

from labeldistill.data.infos import Infos
from labeldistill.geometry.classes import CLASSES
from labeldistill.preflight.gate import Looks

USUAL: dict[str, tuple[float, float, float]] = {
    "car": (1.9, 4.6, 1.7),
    "truck": (2.5, 6.9, 2.8),
    "construction_vehicle": (2.8, 6.4, 3.2),
    "bus": (2.9, 11.0, 3.5),
    "trailer": (2.9, 12.3, 3.9),
    "barrier": (2.5, 0.5, 1.0),
    "motorcycle": (0.8, 2.1, 1.5),
    "bicycle": (0.6, 1.7, 1.3),
    "pedestrian": (0.7, 0.7, 1.8),
    "traffic_cone": (0.4, 0.4, 1.1),
}
"""About what width, length and height of a class are in nuScenes, metres."""
FACTOR = 2.0
"""More than a class's median differs by between cities; less than the widths or lengths of most two classes do."""
FEWEST = 8


def look_at_sizes(infos: Infos, looks: Looks) -> None:
    """Hold the median size of every class with enough boxes against what it usually is."""
    table, odd, asked = infos.annotations, [], 0
    for label, name in enumerate(CLASSES):
        sizes = table.wlh[table.label == label]
        if len(sizes) < FEWEST:
            continue
        asked += 1
        median = np.median(sizes, axis=0)
        ratio = median / np.array(USUAL[name])
        if (ratio > FACTOR).any() or (ratio < 1 / FACTOR).any():
            odd.append(f"{name} of {' x '.join(f'{value:.1f}' for value in median)} m")
    if not asked:
        looks.skipped("too few boxes to tell their sizes")
        return
    looks.judged(
        not odd,
        f"unusual width x length x height: {', '.join(odd)}" if odd else f"{asked} classes have their usual sizes",
        "names in category.json, or width and length, changed places, or sizes are not in metres",
    )
