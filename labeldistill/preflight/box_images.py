"""Boxes projected into images by the tables and by the matrices that the student gets; and where the rig stands."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.random import RandomState

from labeldistill.config.data import CAMERAS
from labeldistill.data.dataset import Item, KeyFrameDataset
from labeldistill.data.infos import Infos
from labeldistill.geometry.frames import Array, rotation_matrix
from labeldistill.preflight.context import Context
from labeldistill.preflight.gate import Looks

KEY_FRAMES = 6
NEAREST_M = 2.0
PIXELS = 2.0
"""Most that the two projections may differ by, in pixels of the network's image."""
HIT = 0.5
"""Share of the boxes that must lie in some image: six cameras look all round."""
RIG: dict[str, tuple[float, float, float, float]] = {
    "CAM_FRONT_LEFT": (1.5, 0.5, 1.5, 55.0),
    "CAM_FRONT": (1.7, 0.0, 1.5, 0.0),
    "CAM_FRONT_RIGHT": (1.5, -0.5, 1.5, -55.0),
    "CAM_BACK_LEFT": (1.0, 0.5, 1.6, 110.0),
    "CAM_BACK": (0.0, 0.0, 1.6, 180.0),
    "CAM_BACK_RIGHT": (1.0, -0.5, 1.6, -110.0),
    "LIDAR_TOP": (0.95, 0.0, 1.8, -90.0),
}
"""nuScenes' rig: x, y, z in the ego frame (metres) and the heading of the optical axis, the LiDAR's of its x axis."""
AWAY_M, AWAY_DEG = 0.4, 8.0
"""A sensor farther from its place is another rig's."""
ODD_M, ODD_DEG = 0.2, 4.0
"""Over v1.0-mini's ten drives with two cars the most is 0.085 m and 2.6 degrees."""
FOCAL = dict.fromkeys(CAMERAS, 0.787) | {"CAM_BACK": 0.502}
"""Focal length as a share of the image's width; over the same drives 0.781 to 0.796, and 0.498 to 0.506."""
FOCAL_OFF = 0.05


def look_at_rig(infos: Infos, looks: Looks) -> None:
    """Hold every calibration against nuScenes' rig: a sensor that was moved or turned stands elsewhere."""
    cameras, sweeps = infos.cameras, infos.sweeps
    placed = [
        (channel, cameras.sensor_translation[row :: len(CAMERAS)], cameras.sensor_rotation[row :: len(CAMERAS)])
        for row, channel in enumerate(CAMERAS)
    ]
    placed.append(("LIDAR_TOP", sweeps.sensor_translation, sweeps.sensor_rotation))
    away, odd = dict[str, str](), dict[str, str]()
    for channel, translation, rotation in placed:
        x, y, z, degrees = RIG[channel]
        distance = float(np.linalg.norm(translation - (x, y, z), axis=1).max())
        turn = float(np.degrees(_off(channel, rotation, np.radians(degrees))).max())
        found = away if distance > AWAY_M or turn > AWAY_DEG else odd
        if distance > ODD_M or turn > ODD_DEG:
            found[channel] = f"{channel} {distance:.2f} m and {turn:.1f} degrees from its place"
    advice = "calibrated_sensor.json is not nuScenes' (shifted or turned); waive this gate for a rig of your own"
    if odd and not away:
        looks.warned("; ".join(odd.values()), advice)
    else:
        looks.judged(
            not away, "; ".join([*away.values(), *odd.values()]) or "sensors stand as on nuScenes' cars", advice
        )
    _look_at_lenses(infos, looks)


def _look_at_lenses(infos: Infos, looks: Looks) -> None:
    """Hold focal lengths against nuScenes': intrinsics of another image size, or scaled with one axis."""
    odd = []
    for row, channel in enumerate(CAMERAS):
        matrices = infos.cameras.intrinsics[row :: len(CAMERAS)].reshape(-1, 9)
        widths = infos.cameras.size_px[row :: len(CAMERAS), 1]
        share = matrices[:, [0, 4]] / widths[:, None]
        if (np.abs(share / FOCAL[channel] - 1) > FOCAL_OFF).any():
            odd.append(f"{channel} {share.min():.3f} to {share.max():.3f} instead of {FOCAL[channel]}")
    looks.judged(
        not odd,
        f"focal lengths as a share of the image's width: {', '.join(odd)}" if odd else "focal lengths are nuScenes'",
        "camera_intrinsic of calibrated_sensor.json belongs to another camera or image size; waive it for your own rig",
    )


def _off(channel: str, rotation: Array, wanted: float) -> Array:
    """Angle [n] between a sensor's axis (cameras z, LiDAR x) and the level direction that it should have."""
    axis = rotation_matrix(rotation)[..., :, 0 if channel.startswith("LIDAR") else 2]
    level = axis @ np.array([np.cos(wanted), np.sin(wanted), 0.0])
    return np.asarray(np.arccos(np.clip(level, -1, 1)))


def look_at_images(context: Context, chosen: Sequence[int], looks: Looks) -> None:
    """Project box centres twice and count those that lie in an image."""
    rules = replace(
        context.rules(context.fullest, training=False),
        depth=False,
        points=False,
        mean_camera_pose=False,
        float32_global=False,
        frame_offsets=(0,),
    )
    if not rules.images:
        looks.skipped("the study has no images")
        return
    run, split = context.settings(context.fullest), context.plan.study.evaluation_split
    dataset = KeyFrameDataset(context.infos, run, split, training=False, options=rules)
    worst, hits, boxes = 0.0, 0, 0
    for index in chosen[:KEY_FRAMES]:
        item = dataset.load(index, RandomState(index))
        ours, seen = _by_matrices(item), np.zeros(len(item.labels), dtype=bool)
        for camera, change in enumerate(dataset.image_augmentations(index, RandomState(index))):
            row = context.infos.cameras_of(int(dataset.rows[index])).start + camera
            pixels, depth = _by_tables(context.infos, row, item)
            moved = pixels * change.resize - np.array(change.crop[:2])
            height, width = context.infos.cameras.size_px[row]
            inside = (depth > NEAREST_M) & (pixels >= 0).all(axis=1) & (pixels < (width, height)).all(axis=1)
            seen |= inside
            if inside.any():
                worst = max(worst, float(np.abs(moved - ours[camera])[inside].max()))
        hits, boxes = hits + int(seen.sum()), boxes + len(seen)
    if not boxes:
        looks.skipped("no box to project")
        return
    looks.judged(
        worst <= PIXELS,
        f"the student's matrices place box centres within {worst:.2f} pixels of the tables'",
        "extrinsics, intrinsics or image augmentation reach the student wrong (data/poses.py, data/augmentation.py)",
    )
    looks.judged(
        hits >= HIT * boxes,
        f"{hits / boxes:.0%} of {boxes} box centres lie in an image",
        "cameras look where no boxes are: see calibrated_sensor.json and ego_pose.json",
    )


def _by_matrices(item: Item) -> Array:
    """Pixels [cameras, n, 2] of box centres in the network's images, by the item's matrices."""
    assert item.cameras is not None
    centre = np.column_stack([item.boxes[:, :3].double().numpy(), np.ones(len(item.boxes))])
    ego2sensor = np.linalg.inv(item.cameras.sensor2ego[0].double().numpy())
    moved = centre @ np.linalg.inv(item.cameras.bda.double().numpy()).T
    found = []
    for camera, matrix in enumerate(ego2sensor):
        seen = (item.cameras.intrinsics[0, camera].double().numpy() @ matrix @ moved.T)[:3]
        with np.errstate(divide="ignore", invalid="ignore"):
            pixel = np.stack([seen[0] / seen[2], seen[1] / seen[2], np.ones(len(centre)), np.ones(len(centre))])
        found.append((item.cameras.ida[0, camera].double().numpy() @ pixel)[:2].T)
    return np.stack(found)


def _by_tables(infos: Infos, row: int, item: Item) -> tuple[Array, Array]:
    """Pixels [n, 2] in the original image and depths [n] of box centres, through the global frame."""
    cameras = infos.cameras
    points = np.column_stack([item.boxes[:, :3].double().numpy(), np.ones(len(item.boxes))])
    points = (points @ item.ego2global.numpy().T)[:, :3]
    for rotation, translation in (
        (cameras.ego_rotation[row], cameras.ego_translation[row]),
        (cameras.sensor_rotation[row], cameras.sensor_translation[row]),
    ):
        points = (points - translation) @ rotation_matrix(rotation)
    pixels = points @ cameras.intrinsics[row].reshape(3, 3).T
    with np.errstate(divide="ignore", invalid="ignore"):
        return pixels[:, :2] / pixels[:, 2:], points[:, 2]
