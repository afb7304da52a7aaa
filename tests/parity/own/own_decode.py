"""08d: boxes from maps, one cell after the other, and circle NMS, one box after the other."""

import math
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from own_nets import normal
from torch import Tensor

CLASSES, ROWS, COLUMNS = 2, 8, 16
LOW, HIGH, CELL_M = (-8.0, -6.0, -5.0), (17.6, 6.8, 3.0), 1.6
OUT_SIZE_FACTOR, MAX_NUM, THRESHOLD = 8, 40, 0.35
RANGE = (12.0, 12.0, 10.0)


def _maps(rng: Generator) -> dict[str, Tensor]:
    channels = {"rot_sine": 1, "rot_cosine": 1, "hei": 1, "dim": 3, "vel": 2, "reg": 2}
    maps = {name: normal(rng, 2, count, ROWS, COLUMNS) for name, count in channels.items()}
    maps["hei"] = maps["hei"].sign() * (10 + maps["hei"] / 2)  # about the limit
    maps["heat"] = torch.from_numpy(rng.random((2, CLASSES, ROWS, COLUMNS)).astype(np.float32))
    maps["heat"][1] *= 0.4  # few above the threshold
    return maps


def _decoded(maps: dict[str, Tensor], sample: int, complete: bool) -> dict[str, Tensor]:
    one = {name: values[sample].double().numpy() for name, values in maps.items()}
    cells = sorted(np.ndindex(CLASSES, ROWS, COLUMNS), key=lambda cell: -one["heat"][cell])[:MAX_NUM]
    boxes, scores, labels = [], [], []
    for label, row, column in cells:
        dx, dy = one["reg"][:, row, column] if complete else (0.5, 0.5)
        x, y, z = LOW[0] + (column + dx) * CELL_M, LOW[1] + (row + dy) * CELL_M, one["hei"][0, row, column]
        if one["heat"][label, row, column] <= THRESHOLD or abs(x) > RANGE[0] or abs(y) > RANGE[1] or abs(z) > RANGE[2]:
            continue
        yaw = math.atan2(one["rot_sine"][0, row, column], one["rot_cosine"][0, row, column])
        velocity = one["vel"][:, row, column] if complete else ()
        boxes.append([x, y, z, *one["dim"][:, row, column], yaw, *velocity])
        scores.append(one["heat"][label, row, column])
        labels.append(label)
    return {
        "bboxes": torch.tensor(boxes, dtype=torch.float32),
        "scores": torch.tensor(scores, dtype=torch.float32),
        "labels": torch.tensor(labels, dtype=torch.float32),
    }


def _circle_nms(dets: Tensor, radius: float, most: int) -> Tensor:
    """Best first, of equal scores the later one; the radius is compared with the squared distance, as released."""
    rows: list[list[float]] = dets.tolist()
    kept: list[int] = []
    for i in sorted(range(len(rows)), key=lambda k: (-rows[k][2], -k)):
        if all((rows[i][0] - rows[k][0]) ** 2 + (rows[i][1] - rows[k][1]) ** 2 > radius for k in kept):
            kept.append(i)
    return torch.tensor(kept[:most], dtype=torch.int64)


def _sets(rng: Generator) -> list[tuple[Tensor, float, int]]:
    def cloud(count: int, metres: float) -> Tensor:
        xy, scores = rng.uniform(-metres, metres, (count, 2)), rng.permutation(count)[:, None] / count
        return torch.from_numpy(np.concatenate([xy, scores], 1).astype(np.float32))

    tied = torch.tensor([[0, 0, 0.5], [9, 0, 0.9], [1, 0, 0.5], [3, 0, 0.5], [3, 2, 0.5]])  # two of them at exactly 2 m
    empty = torch.zeros(0, 3)
    return [(cloud(40, 8), 4, 83), (cloud(150, 9), 0.175, 83), (cloud(90, 6), 1, 30), (tied, 4, 83), (empty, 4, 83)]


def decode() -> dict[str, Any]:
    """Scores, ranges and the number of boxes all cut something off; complete, and without offsets and velocities."""
    rng = np.random.default_rng(80)
    maps = _maps(rng)
    return {
        "cfg": {
            "type": "CenterPointBBoxCoder", "post_center_range": [*(-r for r in RANGE), *RANGE], "max_num": MAX_NUM,
            "score_threshold": THRESHOLD, "out_size_factor": OUT_SIZE_FACTOR, "code_size": 9,
            "voxel_size": [CELL_M / OUT_SIZE_FACTOR] * 2, "pc_range": [*LOW, *HIGH],
        },
        **maps,
        "decoded": [_decoded(maps, sample, True) for sample in range(2)],
        "decoded_noreg_novel": [_decoded(maps, sample, False) for sample in range(2)],
        "circle_nms": [
            {"dets": dets, "thresh": radius, "post_max_size": most, "keep": _circle_nms(dets, radius, most)}
            for dets, radius, most in _sets(rng)
        ],
    }  # fmt: skip
