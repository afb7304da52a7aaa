"""11: boxes of the ego frame as nuScenes' result file has them, by quaternion algebra written out."""

import math
from typing import Any

import numpy as np
import torch
from own_nets import normal

Quaternion = tuple[float, float, float, float]
# Class: attribute when still, attribute faster than 0.2 m/s.
ATTRIBUTES = {
    "car": ("vehicle.parked", "vehicle.moving"),
    "truck": ("vehicle.parked", "vehicle.moving"),
    "construction_vehicle": ("vehicle.parked", "vehicle.moving"),
    "bus": ("vehicle.stopped", "vehicle.moving"),
    "trailer": ("vehicle.parked", "vehicle.moving"),
    "barrier": ("", ""),
    "motorcycle": ("cycle.without_rider", "cycle.with_rider"),
    "bicycle": ("cycle.without_rider", "cycle.with_rider"),
    "pedestrian": ("pedestrian.standing", "pedestrian.moving"),
    "traffic_cone": ("", ""),
}
META = {"use_lidar": False, "use_camera": True, "use_radar": False, "use_map": False, "use_external": False}
TOKENS = ["a", "b", "c", "a"]  # the first one again: its boxes are appended
COUNTS = [10, 13, 0, 4]


def product(p: Quaternion, q: Quaternion) -> Quaternion:
    """Hamilton's product."""
    a, b, c, d = p
    e, f, g, h = q
    return (
        a * e - b * f - c * g - d * h,
        a * f + b * e + c * h - d * g,
        a * g - b * h + c * e + d * f,
        a * h + b * g - c * f + d * e,
    )


def turned(q: Quaternion, vector: Any) -> tuple[float, float, float]:
    """q v q* of a unit quaternion."""
    w, x, y, z = q
    a, b, c = map(float, vector)
    return product(product(q, (0.0, a, b, c)), (w, -x, -y, -z))[1:]


def _box(
    token: str, box: list[float], score: float, label: int, pose: Quaternion, place: list[float]
) -> dict[str, Any]:
    """One entry of the result file; `pose` is a unit quaternion."""
    x, y, z, dx, dy, dz, yaw, vx, vy = box
    vx, vy, _ = turned(pose, (vx, vy, 0.0))
    name = list(ATTRIBUTES)[label]
    return {
        "sample_token": token,
        "translation": [a + b for a, b in zip(turned(pose, (x, y, z)), place, strict=True)],
        "size": [dy, dx, dz],
        "rotation": list(product(pose, (math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)))),
        "velocity": [vx, vy],
        "detection_name": name,
        "detection_score": score,
        "attribute_name": ATTRIBUTES[name][math.hypot(vx, vy) > 0.2],
    }


def _sample(number: int, rng: np.random.Generator) -> tuple[dict[str, Any], dict[str, Any]]:
    count = COUNTS[number]
    boxes = normal(rng, count, 9)
    boxes[:, :3] *= 20
    boxes[:, 3:6] = boxes[:, 3:6].abs() + 0.5
    boxes[::3, 7:] = 0.15  # 0.21 m/s: moving
    boxes[1::3, 7:] = 0.13  # 0.18 m/s: still
    inputs = {
        "boxes": boxes,
        "scores": torch.from_numpy(rng.random(count).astype(np.float32)),
        "labels": torch.from_numpy(((np.arange(count) + 3 * number) % len(ATTRIBUTES)).astype(np.int32)),
    }
    rotation = torch.tensor([-0.7, 0.02 * number, -0.03, 0.6 + 0.1 * number], dtype=torch.float64)  # not of length 1
    translation = torch.tensor([100.0 - number, 60.5, 2.0 * number], dtype=torch.float64)
    meta = {"token": TOKENS[number], "ego2global_rotation": rotation, "ego2global_translation": translation}
    return inputs, meta


def result_boxes() -> dict[str, Any]:
    """Every class, moving and still; a sample without boxes; a token twice; poses that are not unit quaternions."""
    rng = np.random.default_rng(11)
    samples = [_sample(number, rng) for number in range(len(TOKENS))]
    results: dict[str, list[dict[str, Any]]] = {}
    for inputs, meta in samples:
        rotation = meta["ego2global_rotation"].tolist()
        w, x, y, z = (part / math.hypot(*rotation) for part in rotation)
        of_token = results.setdefault(meta["token"], [])
        rows = zip(*(inputs[name].tolist() for name in ("boxes", "scores", "labels")), strict=True)
        place = meta["ego2global_translation"].tolist()
        of_token += [_box(meta["token"], box, score, label, (w, x, y, z), place) for box, score, label in rows]
    inputs_of_all, metas = zip(*samples, strict=True)
    return {"inputs": list(inputs_of_all), "metas": list(metas), "output": {"meta": META, "results": results}}


def result_file() -> dict[str, Any]:
    """What is written of them."""
    output: dict[str, Any] = result_boxes()["output"]
    return output
