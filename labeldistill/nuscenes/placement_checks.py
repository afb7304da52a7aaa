"""Whether boxes and LiDAR points share a coordinate frame: a box that should hold points must have some near it."""

from pathlib import Path

import numpy as np

from labeldistill.errors import InputError
from labeldistill.geometry.frames import Array, pose_matrix, transformed
from labeldistill.nuscenes.columns import Annotations, Integers, Sweeps
from labeldistill.nuscenes.sensor_files import read_cloud

COUNTED_POINTS = 5
"""Only boxes with at least this many LiDAR points according to the tables are checked."""
FEWEST_FAR = 3
"""One or two boxes without points prove nothing."""
SLACK_M = 2.0
"""Slack beyond half the box's diagonal: points of a cloud are measured at different moments of one turn."""


def far_boxes(root: Path, sweeps: Sweeps, boxes: Annotations, samples: Integers) -> dict[str, str]:
    """Key-frame clouds that lie far from the boxes of their sample.

    Args:
        root: the data root.
        sweeps: the clouds of all samples, key frames among them (slot 0).
        boxes: annotations of all samples.
        samples: rows of the samples that are looked at.

    Returns:
        File of the cloud -> which box has no point near it, in words. Clouds that can't be read are left out: other
        checks name them.
    """
    problems: dict[str, str] = {}
    key_rows = np.flatnonzero(sweeps.slot == 0)
    row_of_sample = dict(zip(sweeps.sample[key_rows].tolist(), key_rows.tolist(), strict=True))
    for sample in samples.tolist():
        row = row_of_sample[sample]
        name = sweeps.file[row].as_py()
        mine = np.flatnonzero((boxes.sample == sample) & (boxes.num_lidar_pts >= COUNTED_POINTS))
        try:
            points = _global_points(root / name, sweeps, row)
        except InputError:
            continue
        far = [box for box in mine if _distance(points, boxes.centre[box]) > _reach(boxes.wlh[box])]
        if len(far) >= FEWEST_FAR and len(far) > len(mine) / 2:
            token = boxes.token[int(far[0])].as_py()
            counted = int(boxes.num_lidar_pts[far[0]])
            problems[name] = (
                f"{len(far)} of {len(mine)} boxes have no point near them, `{token}` by the tables {counted}: boxes or "
                "points in another frame, or points missing?"
            )
    return problems


def _global_points(path: Path, sweeps: Sweeps, row: int) -> Array:
    cloud = read_cloud(path)[:, :3].astype(np.float64)
    sensor = pose_matrix(sweeps.sensor_rotation[row], sweeps.sensor_translation[row])
    ego = pose_matrix(sweeps.ego_rotation[row], sweeps.ego_translation[row])
    return transformed(ego @ sensor, cloud)


def _distance(points: Array, centre: Array) -> float:
    return float(np.sqrt(((points - centre) ** 2).sum(axis=1).min(initial=np.inf)))


def _reach(wlh: Array) -> float:
    return float(np.linalg.norm(wlh) / 2 + SLACK_M)
