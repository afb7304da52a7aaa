"""The LiDAR cloud of a key frame as the teacher sees it: key cloud and sweeps, read from their files."""

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from labeldistill.data.infos import Infos
from labeldistill.data.loading import LoadingOptions
from labeldistill.data.points import Float32, capped, in_key_frame, within
from labeldistill.geometry.frames import pose_matrix
from labeldistill.nuscenes.sensor_files import read_cloud


def key_frame_cloud(
    infos: Infos, sample: int, options: LoadingOptions, bev: NDArray[np.float32], rng: RandomState
) -> Float32:
    """Points [P, 5]: x, y, z in the augmented ego frame (metres), intensity 0-255, time lag in seconds.

    Args:
        infos: the index.
        sample: row of its samples.
        options: sweeps, distance limit and number of points.
        bev: [3, 3] BEV augmentation; acts on z only under `options.scale_lidar_z`.
        rng: used only when there are more than `options.max_points` points.

    Raises:
        InputError: a cloud is missing or truncated.
    """
    rows, sweeps = infos.sweeps_of(sample), infos.sweeps
    chosen = rows.start + options.sweeps.choose(sweeps.slot[rows], sweeps.own[rows])
    key2global = pose_matrix(sweeps.ego_rotation[rows.start], sweeps.ego_translation[rows.start])
    # The key frame's sensor pose is used for every cloud, as in the released code.
    sensor2ego = pose_matrix(sweeps.sensor_rotation[rows.start], sweeps.sensor_translation[rows.start])
    sensor2global = pose_matrix(sweeps.ego_rotation[chosen], sweeps.ego_translation[chosen]) @ sensor2ego
    clouds: dict[int, Float32] = {}
    for row, matrix in zip(chosen.tolist(), sensor2global, strict=True):
        if row not in clouds:  # a lone key cloud may be chosen several times
            cloud = within(read_cloud(infos.dataroot / sweeps.file[row].as_py()), options.max_point_distance_m)
            cloud[:, :3] = in_key_frame(cloud, matrix, key2global, float32_global=options.float32_global)
            cloud[:, 4] = sweeps.timestamp_us[rows.start] / 1e6 - sweeps.timestamp_us[row] / 1e6
            clouds[row] = cloud
    points = np.concatenate([clouds[row] for row in chosen.tolist()])
    points[:, :2] = points[:, :2] @ bev[:2, :2].T
    if options.scale_lidar_z:
        points[:, 2] *= bev[2, 2]
    return capped(points, options.max_points, rng)
