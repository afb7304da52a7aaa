"""LiDAR points inside boxes, counted as training places both, against nuScenes' own count."""

from collections.abc import Sequence

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from labeldistill.data.dataset import Item, KeyFrameDataset
from labeldistill.data.infos import Infos
from labeldistill.preflight.gate import Looks

NEAR_M = 50.0
"""Boxes farther away may reach beyond the points that the teacher is shown."""
GOOD, BAD = 0.05, 0.1
"""Share of points that are counted otherwise: rounding at faces below the first (2.9 % in a real key frame of nuScenes,
whose counts are not the devkit's own), another convention above the second."""


def look_at_points(
    infos: Infos, datasets: tuple[KeyFrameDataset, KeyFrameDataset], chosen: Sequence[int], looks: Looks
) -> None:
    """Count points in boxes of key frames, without and with BEV augmentation.

    Args:
        infos: the index that the datasets read.
        datasets: without and with augmentation.
        chosen: indices of the key frames.
        looks: takes what is found.
    """
    plain, augmented = datasets
    wrong = total = columns = moved = 0
    for index in chosen:
        item, changed = plain.load(index, RandomState(index)), augmented.load(index, RandomState(index))
        counted = _by_tables(infos, plain, index)
        if len(counted) != len(item.labels):
            continue  # the round trip has said so
        near = np.hypot(*item.boxes[:, :2].numpy().T) < NEAR_M
        wrong += int(np.abs(inside(item) - counted)[near].sum())
        total += int(counted[near].sum())
        flat, turned = inside(item, flat=True)[near], inside(changed, flat=True)[near]
        moved += int(np.abs(flat - turned).sum())
        columns += int(flat.sum())
    if not total:
        looks.warned("no box has a LiDAR point by the tables", "see whether num_lidar_pts of the tables is filled in")
        return
    advice = (
        "points and boxes lie in different places: length and width swapped, yaw of another sign or zero, or the "
        "LiDAR's calibrated_sensor is not this data set's"
    )
    _judge(looks, wrong / total, f"{total:,} LiDAR points in boxes, {wrong / total:.1%} counted otherwise", advice)
    if columns:
        share = moved / columns
        advice = "BEV augmentation moves points and boxes differently (data/augmentation.py, data/clouds.py)"
        _judge(looks, share, f"{share:.1%} after BEV augmentation", advice)


def _judge(looks: Looks, share: float, figure: str, advice: str) -> None:
    if GOOD < share <= BAD:
        looks.warned(figure, advice)
    else:
        looks.judged(share <= BAD, figure, advice)


def _by_tables(infos: Infos, dataset: KeyFrameDataset, index: int) -> NDArray[np.int64]:
    rows, table = infos.annotations_of(int(dataset.rows[index])), infos.annotations
    points = table.num_lidar_pts[rows] + table.num_radar_pts[rows]
    used = (table.label[rows] >= 0) & (points >= dataset.options.min_box_points)
    return np.asarray(table.num_lidar_pts[rows][used], dtype=np.int64)


def inside(item: Item, *, flat: bool = False) -> NDArray[np.int64]:
    """Number of points [n] in each box of an item; `flat`: in its column, however high.

    Written out here and not taken from `geometry`: it is what that is held against.
    """
    assert item.points is not None
    points, boxes = item.points[:, :3].double().numpy(), item.boxes.double().numpy()
    found = np.zeros(len(boxes), dtype=np.int64)
    for row, (x, y, z, length, width, height, yaw, *_) in enumerate(boxes):
        dx, dy, dz = (points - (x, y, z)).T
        along, across = dx * np.cos(yaw) + dy * np.sin(yaw), dy * np.cos(yaw) - dx * np.sin(yaw)
        within = (np.abs(along) <= length / 2) & (np.abs(across) <= width / 2)
        found[row] = np.count_nonzero(within if flat else within & (np.abs(dz) <= height / 2))
    return found
