"""Ground truth through dataset, augmentation and result file, scored by us and by the devkit: all of it is found."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.random import RandomState

from labeldistill.data.augmentation import draw_bev_augmentation
from labeldistill.data.dataset import Item, KeyFrameDataset
from labeldistill.evaluation.arbiter import arbitrate
from labeldistill.evaluation.ground_truth import GroundTruth
from labeldistill.evaluation.metrics import Metrics
from labeldistill.evaluation.scoring import scored
from labeldistill.geometry.classes import CLASSES
from labeldistill.geometry.frames import Array
from labeldistill.inference.format_boxes import predictions_from_detections
from labeldistill.models.centre_head.decode import Detections
from labeldistill.preflight.context import Context
from labeldistill.preflight.gate import Looks
from labeldistill.study.scoring import scoring_task

LIMITS = {"trans_err": 0.01, "scale_err": 0.001, "orient_err": 0.02, "vel_err": 0.05}
"""Metres, share, radians, m/s: rounding, and yaw by the devkit's rule against the released one."""
WHOLE = 0.999
ADVICE = (
    "boxes don't come back as they went in: look at the order of length and width, the sign and zero of yaw, the frame "
    "(geometry/boxes.py), and the augmentation (data/augmentation.py)"
)


def look_at_round_trip(
    context: Context, datasets: tuple[KeyFrameDataset, KeyFrameDataset], chosen: Sequence[int], looks: Looks
) -> None:
    """Score the ground truth of key frames as detections.

    Args:
        context: the study.
        datasets: without and with BEV augmentation.
        chosen: indices of the key frames.
        looks: takes what is found.
    """
    plain, augmented = datasets
    truth = context.truth([plain.tokens[index] for index in chosen])
    if not len(truth):
        looks.failed("the key frames looked at have no ground truth", "see the gate `data`")
        return
    items = [plain.load(index, RandomState(index)) for index in chosen]
    if not any(len(item.labels) for item in items):
        looks.failed(
            f"the tables have {len(truth):,} boxes, the dataset hands out none",
            "the release's validation set has empty ground truth; ours must not (data/ground_truth.py)",
        )
        return
    about = f"{len(items)} key frames, {len(truth):,} boxes"
    _judge(_score(context, items, truth, devkit=True), truth, about, looks)
    moved = [unaugmented(augmented, index) for index in chosen]
    _judge(_score(context, moved, truth, devkit=False), truth, "with BEV augmentation", looks)


def unaugmented(dataset: KeyFrameDataset, index: int) -> Item:
    """An augmented item with its boxes taken back through the inverse of the 3 x 3 matrix, heading by its tip."""
    item = dataset.load(index, RandomState(index))
    matrix = draw_bev_augmentation(dataset.options.bev, RandomState(index)).matrix.double().numpy()
    boxes: Array = item.boxes.double().numpy()
    back, scale = np.linalg.inv(matrix), abs(np.linalg.det(matrix)) ** (1 / 3)
    tip = np.stack([np.cos(boxes[:, 6]), np.sin(boxes[:, 6])], axis=1) @ back[:2, :2].T
    undone = np.column_stack(
        [boxes[:, :3] @ back.T, boxes[:, 3:6] / scale, np.arctan2(tip[:, 1], tip[:, 0]), boxes[:, 7:] @ back[:2, :2].T]
    )
    return Item(None, None, None, item.points, torch.from_numpy(undone), item.labels, item.token, item.ego2global)


def _score(context: Context, items: Sequence[Item], truth: GroundTruth, *, devkit: bool) -> Metrics:
    found = [Detections(item.boxes, torch.ones(len(item.labels)), item.labels) for item in items]
    poses = torch.stack([item.ego2global for item in items])
    predictions = predictions_from_detections(found, [item.token for item in items], poses).of_samples(truth.tokens)
    result = scored(predictions, truth)
    if devkit:
        result = arbitrate([(result, predictions, Path("ground truth"))], truth, scoring_task(context.plan))[0]
    return result.metrics


def _judge(metrics: Metrics, truth: GroundTruth, about: str, looks: Looks) -> None:
    there = {c for label in np.unique(truth.label).tolist() if _in_range(metrics, truth, c := CLASSES[label])}
    moving = {CLASSES[label] for label in np.unique(truth.label[~np.isnan(truth.velocity).any(axis=1)]).tolist()}
    lost = [name for name in there if metrics.mean_dist_aps[name] < WHOLE]
    asked = {name: (moving & there if name == "vel_err" else there) - {*lost} for name in LIMITS}
    errors = metrics.label_tp_errors
    worst = {name: float(np.nanmax([0.0, *(errors[each][name] for each in asked[name])])) for name in LIMITS}
    bad = [f"{name} {worst[name]:.3f}" for name, limit in LIMITS.items() if worst[name] > limit]
    bad += [f"AP of {name} {metrics.mean_dist_aps[name]:.2f}" for name in lost]
    found = len(there) - len(lost)
    looks.judged(not bad, f"{about}: {', '.join(bad) or f'100 % AP of {found} classes'}", ADVICE)


def _in_range(metrics: Metrics, truth: GroundTruth, name: str) -> bool:
    """Whether any box of a class lies where the devkit scores the class."""
    rows = (truth.label == CLASSES.index(name)) & (truth.points > 0)
    distance = np.hypot(*(truth.translation[rows] - truth.ego[truth.sample[rows]])[:, :2].T)
    return bool((distance < dict(metrics.protocol.class_range_m)[name]).any())
