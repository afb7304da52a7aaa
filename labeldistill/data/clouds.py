"""The whole cloud of a key frame that the teacher sees, read from its files."""

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from labeldistill.data.infos import Infos
from labeldistill.data.loading import LoadingRules
from labeldistill.data.points import Float32, LidarPose, capped, in_key_frame, within
from labeldistill.nuscenes.columns import Sweeps
from labeldistill.nuscenes.sensor_files import read_cloud


def key_frame_cloud(
    infos: Infos, sample: int, rules: LoadingRules, bev: NDArray[np.float32], rng: RandomState
) -> Float32:
    """Points [P, 5]: x, y, z in the augmented ego frame (metres), intensity 0-255, time lag in seconds.

    Args:
        infos: the index.
        sample: row of its samples.
        rules: which sweeps, how far, how many points.
        bev: [3, 3] BEV augmentation; acts on z only under `rules.scale_lidar_z`.
        rng: drawn from only when there are more than `rules.max_points`.

    Raises:
        InputError: a cloud is missing or truncated.
    """
    rows, sweeps = infos.sweeps_of(sample), infos.sweeps
    chosen = rows.start + rules.sweeps.choose(sweeps.slot[rows], sweeps.own[rows])
    clouds = {int(row): _cloud(infos, int(row), rows.start, rules) for row in np.unique(chosen)}
    points = np.concatenate([clouds[int(row)] for row in chosen])  # a lone key cloud may be chosen several times
    points[:, :2] = points[:, :2] @ bev[:2, :2].T
    if rules.scale_lidar_z:
        points[:, 2] *= bev[2, 2]
    return capped(points, rules.max_points, rng)


def _cloud(infos: Infos, row: int, key: int, rules: LoadingRules) -> Float32:
    sweeps = infos.sweeps
    cloud = within(read_cloud(infos.dataroot / sweeps.file[row].as_py()), rules.max_point_distance_m)
    cloud[:, :3] = in_key_frame(cloud, _pose(sweeps, row), _pose(sweeps, key), float32_global=rules.float32_global)
    cloud[:, 4] = sweeps.timestamp_us[key] / 1e6 - sweeps.timestamp_us[row] / 1e6
    return cloud


def _pose(sweeps: Sweeps, row: int) -> LidarPose:
    return LidarPose(
        sweeps.sensor_rotation[row],
        sweeps.sensor_translation[row],
        sweeps.ego_rotation[row],
        sweeps.ego_translation[row],
    )
