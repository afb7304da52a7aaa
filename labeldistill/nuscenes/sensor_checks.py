"""Checks of one whole image or point cloud, including damage that decoders silently accept."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labeldistill.errors import InputError
from labeldistill.nuscenes.columns import Integers
from labeldistill.nuscenes.sensor_files import read_cloud, read_image

ZERO_BYTES = 64
"""A run of zero bytes that no encoder writes (nuScenes' images have at most 8): a hole in the file."""
FEW_POINTS = 0.2
"""A cloud with less than this share of the median number of points is incomplete."""
MOST_RINGS = 255


def image_problem(path: Path, size_px: Integers) -> str:
    """What is wrong with an image file, in words; empty when nothing is.

    Args:
        path: the file.
        size_px: [2] height and width according to the tables.
    """
    try:
        image = read_image(path)
        hole = re.search(rb"\0{%d}" % ZERO_BYTES, path.read_bytes())
    except InputError as error:
        return error.message
    except OSError as error:
        return f"can't be read: {error.strerror or error}"
    if (image.height, image.width) != tuple(size_px):
        return f"{image.height} x {image.width} pixels, the tables say {size_px[0]} x {size_px[1]}"
    if hole:
        return f"a hole of zero bytes from byte {hole.start()} on: parts of the image are missing"
    return ""


def cloud_problem(path: Path) -> str:
    """What is wrong with a LiDAR file, in words; empty when nothing is."""
    try:
        cloud = read_cloud(path)
    except InputError as error:
        return error.message
    if not np.isfinite(cloud).all():
        return "holds numbers that are not finite"
    if not len(cloud):
        return "holds no point"
    at_origin = float((cloud[:, :3] == 0).all(axis=1).mean())
    if at_origin > 0.5:
        return f"{at_origin:.0%} of its points lie at the sensor itself (zeros)"
    rings = cloud[:, 4]
    if (rings != np.round(rings)).any() or rings.min() < 0 or rings.max() > MOST_RINGS:
        return "its fifth numbers are not ring indices: not 5 numbers per point?"
    return ""


def short_clouds(sizes: Integers) -> NDArray[np.bool_]:
    """[n] bool: clouds whose size in bytes says that they hold far fewer points than the others."""
    there = sizes[sizes > 0]
    return np.asarray((sizes > 0) & (sizes < FEW_POINTS * np.median(there))) if len(there) else sizes < -1
