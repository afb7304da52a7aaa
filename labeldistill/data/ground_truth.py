"""Boxes and classes of a key frame, as training sees them."""

import numpy as np
import torch
from torch import Tensor

from labeldistill.data.augmentation import BevAugmentation
from labeldistill.data.infos import Infos
from labeldistill.data.loading import LoadingOptions
from labeldistill.geometry.boxes import BOX_SIZE, global_to_ego
from labeldistill.geometry.frames import Array


def key_frame_boxes(
    infos: Infos, sample: int, options: LoadingOptions, ego_pose: tuple[Array, Array], bev: BevAugmentation
) -> tuple[Tensor, Tensor]:
    """Boxes [n, 9] float32 in the augmented ego frame (see `geometry.boxes`) and classes [n] int64.

    Boxes of the ten classes with at least `options.min_box_points` LiDAR and radar points are kept, in nuScenes' order.

    Args:
        infos: the index.
        sample: row of its samples.
        options: whether boxes are loaded, which are kept, how NaN velocities are treated.
        ego_pose: rotation [4] and translation [3] of the ego frame in the global frame.
        bev: the BEV augmentation.
    """
    rows, table = infos.annotations_of(sample), infos.annotations
    points = table.num_lidar_pts[rows] + table.num_radar_pts[rows]
    used = rows.start + np.flatnonzero((table.label[rows] >= 0) & (points >= options.min_box_points))
    if not options.boxes or not len(used):
        return torch.zeros(0, BOX_SIZE), torch.zeros(0, dtype=torch.int64)
    velocity = table.velocity[used]
    if options.zero_unknown_velocity:
        velocity = np.where(np.isnan(velocity).any(axis=1, keepdims=True), 0.0, velocity)
    boxes = global_to_ego(table.centre[used], table.wlh[used], table.rotation[used], velocity, *ego_pose)
    return bev.of_boxes(torch.from_numpy(boxes).float()), torch.from_numpy(table.label[used])
