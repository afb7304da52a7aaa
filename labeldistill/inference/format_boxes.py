"""From the head's boxes (ego frame) to nuScenes' boxes (global frame), with attributes chosen as in the release.

Source: det_evaluators.py of the released code, quirk 46: width and length are swapped, and each class has one
    attribute,
chosen by whether the global xy speed exceeds 0.2 m/s.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from labeldistill.evaluation.predictions import CAMERA_ONLY, Codes, Floats, Predictions
from labeldistill.evaluation.protocol import ATTRIBUTES
from labeldistill.geometry.boxes import ego_to_global
from labeldistill.geometry.classes import CLASSES
from labeldistill.geometry.frames import quaternion_of_matrix

if TYPE_CHECKING:
    from torch import Tensor

    from labeldistill.models.centre_head.decode import Detections

MOVING_SPEED_MPS = 0.2
"""Strictly faster than this counts as moving."""

_MOVING = {name: "vehicle.moving" for name in ("car", "truck", "construction_vehicle", "bus", "trailer")}
_MOVING |= {"bicycle": "cycle.with_rider", "motorcycle": "cycle.with_rider", "pedestrian": "pedestrian.moving"}
_STILL = {name: "vehicle.parked" for name in ("car", "truck", "construction_vehicle", "trailer")}
_STILL |= {"bus": "vehicle.stopped", "bicycle": "cycle.without_rider", "motorcycle": "cycle.without_rider"}
_STILL |= {"pedestrian": "pedestrian.standing"}


def predictions_from_detections(
    detections: "Sequence[Detections]",
    tokens: Sequence[str],
    ego2global: "Tensor",
    *,
    meta: dict[str, Any] | None = None,
) -> Predictions:
    """Turn decoded boxes (ego frame) into predictions (global frame), formatted as in the release.

    Args:
        detections: one per sample; boxes [n, 9] x, y, z, length, width, height, yaw, vx, vy in the ego frame.
        tokens: sample token of each; the boxes of a repeated token are added to its first appearance.
        ego2global: [B, 4, 4] rigid transforms, metres.
        meta: the block `meta` of the official format; None: camera only.

    Returns:
        Predictions of the samples named by `tokens`.
    """
    poses = ego2global.detach().cpu().double().numpy()
    rotations = quaternion_of_matrix(poses[:, :3, :3])
    return predictions_from_poses(detections, tokens, rotations, poses[:, :3, 3], meta=meta)


def predictions_from_poses(
    detections: "Sequence[Detections]",
    tokens: Sequence[str],
    rotations: Floats,
    translations: Floats,
    *,
    meta: dict[str, Any] | None = None,
) -> Predictions:
    """As `predictions_from_detections`, with poses instead of matrices.

    Args:
        detections: one per sample; boxes [n, 9] in the ego frame.
        tokens: sample token of each.
        rotations: [B, 4] quaternions of the ego poses in the global frame, of any length; the sign is kept.
        translations: [B, 3] metres.
        meta: the block `meta` of the official format; None: camera only.
    """
    parts = [
        _one_sample(found, token, rotations[index], translations[index], dict(meta or CAMERA_ONLY))
        for index, (found, token) in enumerate(zip(detections, tokens, strict=True))
    ]
    return Predictions.concatenate(parts, repeated="extend")


def _one_sample(
    found: "Detections", token: str, rotation: Floats, translation: Floats, meta: dict[str, Any]
) -> Predictions:
    boxes = found.boxes.detach().cpu().double().numpy().reshape(-1, 9)
    label = found.labels.detach().cpu().numpy().astype(np.int8)
    centre, size, turned, velocity = ego_to_global(boxes, rotation, translation)
    return Predictions(
        tokens=(token,),
        sample=np.zeros(len(boxes), dtype=np.int32),
        translation=centre,
        size=size,
        rotation=turned,
        velocity=velocity[:, :2],
        label=label,
        score=found.scores.detach().cpu().double().numpy(),
        attribute=attributes_by_speed(label, np.hypot(velocity[:, 0], velocity[:, 1])),
        meta=meta,
    )


def attributes_by_speed(label: Codes, speed: Floats) -> Codes:
    """Attribute codes [n] from class indices [n] and global xy speeds [n] in m/s."""
    lookup = np.zeros((2, len(CLASSES)), dtype=np.int8)
    for row, names in enumerate((_STILL, _MOVING)):
        lookup[row] = [ATTRIBUTES.index(names.get(name, "")) for name in CLASSES]
    return lookup[(speed > MOVING_SPEED_MPS).astype(np.int8), label]
