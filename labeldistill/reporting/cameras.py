"""Boxes on the six camera images of one key frame: ground truth and detections, projected as nuScenes does."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from labeldistill.config.run_files import predictions_path
from labeldistill.data.infos import Infos
from labeldistill.evaluation.prediction_checks import broken_numbers
from labeldistill.evaluation.predictions import Predictions
from labeldistill.files import written_whole
from labeldistill.geometry.boxes import corners
from labeldistill.geometry.frames import inverse_pose, pose_matrix, rotation_matrix, transformed
from labeldistill.study.plan import PlannedRun, StudyPlan

GROUND_TRUTH = (86, 180, 233)  # sky blue and orange of Okabe and Ito: told apart by colour-blind readers
DETECTION = (230, 130, 0)
# corners 0-3 are one face along the length, 4-7 the other (see geometry.boxes.corners)
EDGES = ((0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7))
NEAR_M = 0.5
FARTHEST_M = 60.0
TILE_WIDTH_PX = 640


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


def _global_corners(centre: Any, wlh: Any, rotation: Any) -> Any:
    rows = np.zeros((len(centre), 9))
    rows[:, 3:6] = np.asarray(wlh)[:, [1, 0, 2]]
    return corners(rows) @ np.swapaxes(rotation_matrix(rotation), -1, -2) + np.asarray(centre)[:, None]


def _sheet(infos: Infos, sample: int, truth: Any, found: Any) -> Image.Image:
    """The six cameras of a key frame in two rows, front row first, with both kinds of boxes."""
    rows = infos.cameras_of(sample)
    tiles: list[Image.Image] = []
    for row in range(rows.start, rows.stop):
        with Image.open(infos.dataroot / infos.cameras.file[row].as_py()) as opened:
            scale = TILE_WIDTH_PX / opened.width
            tile = opened.convert("RGB").resize((TILE_WIDTH_PX, round(opened.height * scale)))
        camera = pose_matrix(infos.cameras.sensor_rotation[row], infos.cameras.sensor_translation[row])
        ego = pose_matrix(infos.cameras.ego_rotation[row], infos.cameras.ego_translation[row])
        intrinsics = np.diag([scale, scale, 1.0]) @ infos.cameras.intrinsics[row].reshape(3, 3)
        to_camera = inverse_pose(ego @ camera)
        _draw_boxes(tile, truth, to_camera, intrinsics, GROUND_TRUTH)
        _draw_boxes(tile, found, to_camera, intrinsics, DETECTION)
        tiles.append(tile)
    width, height = tiles[0].size
    sheet = Image.new("RGB", (3 * width, 2 * height))
    for place, tile in enumerate(tiles):
        sheet.paste(tile, ((place % 3) * width, (place // 3) * height))
    return sheet


def _pictured(plan: StudyPlan) -> list[PlannedRun]:
    """The first runs of the teacher, the baseline and the last variant (the full method)."""
    wanted = dict.fromkeys(["teacher", plan.study.baseline, list(plan.study.variants)[-1]])
    first = {run.unit: run for run in plan.benchmarked}
    return [first[unit] for unit in wanted if unit in first]


def _fullest(infos: Infos, split: str) -> int:
    """The key frame of a split with the most annotations."""
    rows = infos.split(split)
    counts = [infos.annotations_of(int(row)).stop - infos.annotations_of(int(row)).start for row in rows]
    return int(rows[int(np.argmax(counts))])


def draw_cameras(plan: StudyPlan, folder: Path, threshold: float) -> list[str]:
    """Draw `cameras-<unit>.jpg` for the pictured runs: the fullest key frame of the evaluation split.

    Args:
        plan: a study whose predictions are written.
        folder: output folder.
        threshold: detections with lower scores are not drawn.

    Returns:
        The units drawn; a run that failed or diverged has no boxes and is left out.
    """
    infos = Infos.open(plan.infos, plan.dataroot)
    sample = _fullest(infos, plan.study.evaluation_split)
    about = infos.annotations
    rows = infos.annotations_of(sample)
    seen = (about.num_lidar_pts[rows] + about.num_radar_pts[rows] > 0) & (about.label[rows] >= 0)
    keep = np.arange(rows.start, rows.stop)[seen]
    truth = _global_corners(about.centre[keep], about.wlh[keep], about.rotation[keep])
    drawn: list[str] = []
    for run in _pictured(plan):
        file = predictions_path(plan.predictions(run), "ema")
        if not file.is_file():
            continue
        found = Predictions.read(file)
        if broken_numbers(found):
            continue
        place = found.tokens.index(infos.samples.token[sample].as_py())
        mine = (found.sample == place) & (found.score >= threshold)
        boxes = _global_corners(found.translation[mine], found.size[mine], found.rotation[mine])
        folder.mkdir(parents=True, exist_ok=True)
        with written_whole(folder / f"cameras-{run.unit}.jpg") as temporary:
            _sheet(infos, sample, truth, boxes).save(temporary, format="JPEG", quality=88)
        drawn.append(run.unit)
    return drawn
