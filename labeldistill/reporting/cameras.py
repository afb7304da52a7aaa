"""Boxes on the six camera images of one key frame, projected as nuScenes does."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from labeldistill.config.data import CAMERAS
from labeldistill.data.infos import Infos
from labeldistill.geometry.boxes import corners
from labeldistill.geometry.frames import inverse_pose, pose_matrix, rotation_matrix, transformed
from labeldistill.reporting.bev_picture import Colour, Corners

# corners 0-3 are one face along the length, 4-7 the other (see geometry.boxes.corners)
EDGES = ((0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7))
NEAR_M = 0.5
FARTHEST_M = 60.0
TILE_WIDTH_PX = 480
FLAT = 2.2
"""Images this many times as wide as high are flat."""


def _segment(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], intrinsics: np.ndarray[Any, Any]) -> Any:
    """End points in pixels of the part of an edge that lies in front of the camera; None if none does."""
    if max(a[2], b[2]) <= NEAR_M:
        return None
    if a[2] < NEAR_M:
        a = b + (a - b) * (b[2] - NEAR_M) / (b[2] - a[2])
    if b[2] < NEAR_M:
        b = a + (b - a) * (a[2] - NEAR_M) / (a[2] - b[2])
    pixels = [(intrinsics @ point)[:2] / point[2] for point in (a, b)]
    return [tuple(map(float, pixel)) for pixel in pixels]


def _draw_boxes(image: Image.Image, boxes: Any, to_camera: Any, intrinsics: Any, colour: tuple[int, int, int]) -> None:
    """Draw global-frame boxes [n, 8, 3] into an image; the front face is crossed so that the heading shows."""
    pen = ImageDraw.Draw(image)
    for box in boxes:
        points = transformed(to_camera, box)
        if np.linalg.norm(points.mean(axis=0)) > FARTHEST_M:
            continue
        for start, end in (*EDGES, (0, 2), (1, 3)):
            segment = _segment(points[start], points[end], intrinsics)
            if segment is not None:
                pen.line(segment, fill=colour, width=1 if (start, end) in ((0, 2), (1, 3)) else 2)


def global_corners(centre: Any, wlh: Any, rotation: Any) -> Corners:
    """Corners [n, 8, 3] of nuScenes boxes in the frame that they are given in."""
    rows = np.zeros((len(centre), 9))
    rows[:, 3:6] = np.asarray(wlh)[:, [1, 0, 2]]
    turned = corners(rows) @ np.swapaxes(rotation_matrix(rotation), -1, -2)
    return np.asarray(turned + np.asarray(centre)[:, None])


def camera_pictures(infos: Infos, sample: int, boxes: Mapping[Colour, Corners]) -> Image.Image:
    """The six cameras of a key frame: in two rows, front row first; flat images in three, so that they stay legible.

    Args:
        infos: the index.
        sample: row of its samples.
        boxes: colour -> corners [n, 8, 3] in the global frame (see `global_corners`).
    """
    rows = infos.cameras_of(sample)
    tiles: list[Image.Image] = []
    for row in range(rows.start, rows.stop):
        with Image.open(infos.dataroot / infos.cameras.file[row].as_py()) as opened:
            scale = TILE_WIDTH_PX / opened.width
            tile = opened.convert("RGB").resize((TILE_WIDTH_PX, round(opened.height * scale)))
        camera = pose_matrix(infos.cameras.sensor_rotation[row], infos.cameras.sensor_translation[row])
        ego = pose_matrix(infos.cameras.ego_rotation[row], infos.cameras.ego_translation[row])
        intrinsics = np.diag([scale, scale, 1.0]) @ infos.cameras.intrinsics[row].reshape(3, 3)
        for colour, outlined in boxes.items():
            _draw_boxes(tile, outlined, inverse_pose(ego @ camera), intrinsics, colour)
        name = CAMERAS[row - rows.start].removeprefix("CAM_").replace("_", " ").lower()
        ImageDraw.Draw(tile).text((6, 4), name, fill="white", stroke_width=2, stroke_fill="black")
        tiles.append(tile)
    width, height = tiles[0].size
    across = 3 if width < FLAT * height else 2
    sheet = Image.new("RGB", (across * width, len(tiles) // across * height))
    for place, tile in enumerate(tiles):
        sheet.paste(tile, ((place % across) * width, (place // across) * height))
    return sheet
