"""What the tables say about a study's key frames: one dataclass of columns per kind of row.

Numbers are NumPy arrays whose first axis is the row; texts are pyarrow arrays (`.to_pylist()`, or `column[i].as_py()`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeldistill.geometry.frames import Array

Texts = Any
"""A pyarrow array of strings."""
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Scenes:
    """Scenes that some split holds, in the order of scene.json.

    Attributes:
        name, token, description, location: texts (`location` is the log's city).
        in_train, in_val, in_tuning: [n] bool, a scene may be in several splits.
    """

    name: Texts
    token: Texts
    description: Texts
    location: Texts
    in_train: NDArray[np.bool_]
    in_val: NDArray[np.bool_]
    in_tuning: NDArray[np.bool_]


@dataclass(frozen=True)
class Samples:
    """Key frames, by scene and then by time.

    Attributes:
        token: text.
        scene: [n] row of Scenes.
        order: [n] 0-based place in its scene.
        timestamp_us: [n] microseconds.
    """

    token: Texts
    scene: Integers
    order: Integers
    timestamp_us: Integers


@dataclass(frozen=True)
class Cameras:
    """Key-frame images; row = sample * 6 + camera, cameras in the order of `config.data.CAMERAS`.

    Attributes:
        file: text, relative to the dataroot.
        size_px: [n, 2] height, width.
        intrinsics: [n, 9] pinhole matrix, row by row, pixels.
        sensor_rotation, sensor_translation: [n, 4], [n, 3] pose of the camera in its ego frame.
        ego_rotation, ego_translation: [n, 4], [n, 3] ego pose in the global frame at the image's time.
        timestamp_us: [n] microseconds.
    """

    file: Texts
    size_px: Integers
    intrinsics: Array
    sensor_rotation: Array
    sensor_translation: Array
    ego_rotation: Array
    ego_translation: Array
    timestamp_us: Integers


@dataclass(frozen=True)
class Sweeps:
    """LiDAR clouds by sample; within a sample the key frame, then the past from near to far, then the future likewise.

    Attributes:
        sample: [n] row of Samples.
        slot: [n] 0 is the key frame's own cloud, -1, -2, ... the clouds before it, 1, 2, ... those after it.
        own: [n] bool, whether nuScenes assigns the cloud to this sample (clouds from before the previous key frame,
            and all future ones, belong to other samples).
        file: text, relative to the dataroot.
        timestamp_us: [n] microseconds.
        sensor_rotation, sensor_translation, ego_rotation, ego_translation: as in Cameras, at the cloud's own time.
    """

    sample: Integers
    slot: Integers
    own: NDArray[np.bool_]
    file: Texts
    timestamp_us: Integers
    sensor_rotation: Array
    sensor_translation: Array
    ego_rotation: Array
    ego_translation: Array


@dataclass(frozen=True)
class Annotations:
    """Every annotated box of the samples (all categories), by sample, then in the order of sample_annotation.json.

    Attributes:
        sample: [n] row of Samples.
        token, instance_token, category, attribute, visibility: texts ('' where nuScenes has none; `attribute` is a
            name, `visibility` the token '1' to '4').
        label: [n] index into `geometry.classes.CLASSES`, -1 for a category outside the ten.
        centre: [n, 3] metres, global frame. wlh: [n, 3] width, length, height, metres. rotation: [n, 4].
        velocity: [n, 3] m/s, global frame, as the devkit computes it; NaN without a neighbour in time.
        num_lidar_pts, num_radar_pts: [n] points in the box.
    """

    sample: Integers
    token: Texts
    instance_token: Texts
    category: Texts
    attribute: Texts
    visibility: Texts
    label: Integers
    centre: Array
    wlh: Array
    rotation: Array
    velocity: Array
    num_lidar_pts: Integers
    num_radar_pts: Integers
