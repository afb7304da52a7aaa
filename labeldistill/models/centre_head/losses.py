"""Losses of the centre head: focal loss on heatmaps, L1 on box codes, and the response loss against a teacher."""

from dataclasses import dataclass

import torch
from torch import Tensor

from labeldistill.config.model import HeadSettings
from labeldistill.models.centre_head.head import BRANCHES, HeadOutput
from labeldistill.models.centre_head.targets import Targets
from labeldistill.ops.constants import constant
from labeldistill.ops.distributed import reduce_mean, shared_counts, world_size

SIGMOID_MARGIN = 1e-4
MEAN_EPSILON = torch.finfo(torch.float32).eps  # mmdet 2.26 adds this to every divisor (quirk 14)


@dataclass(frozen=True)
class LossSwitches:
    """How the losses of a centre head are taken; the defaults are the release's.

    Attributes:
        inplace_sigmoid: overwrite the heatmap logits of the predictions with clipped probabilities (quirk 11); a second
            loss on the same predictions would then apply the sigmoid twice.
        mask_nan: ignore NaN and infinite target entries; the release multiplies them by zero, which keeps NaN
            (quirk 12).
        gated_target: the response loss's heatmap target is the clipped teacher heatmap times the ground truth's (quirk
            13); in float32 it stays below 1, so the focal loss has no positive part. False: the teacher's heatmap, with
            1 in the cells of ground-truth centres, which restores the positive part.
        clamp_mean: of the number of positives on several devices the mean is at least 1; with few positives the loss
            then depends on the number of devices. False: their sum is.
    """

    inplace_sigmoid: bool = True
    mask_nan: bool = False
    gated_target: bool = True
    clamp_mean: bool = True


def detection_loss(targets: Targets, predictions: HeadOutput, head: HeadSettings, switches: LossSwitches) -> Tensor:
    """Focal loss of the heatmaps plus weighted L1 of the box codes, summed over tasks (KDHead.loss of the release).

    Each part is divided by its number of positives (cells with target 1; used slots), averaged over processes.

    Args:
        targets: output of `build_targets`.
        predictions: output of the head; heatmaps are logits.
        head: code weights and weight of the box term.
        switches: see there.

    Returns:
        Scalar.
    """
    divisors = _divisors(targets, switches.clamp_mean)
    total = torch.zeros((), device=divisors.device)
    for task, maps in enumerate(predictions):
        probability = clipped_sigmoid(maps, in_place=switches.inplace_sigmoid)
        codes = _codes_at_slots(maps, targets.indices[task])
        weights = _slot_weights(targets, task, head)
        total = total + focal_loss(probability, targets.heatmaps[task]) / divisors[0, task]
        total = total + _l1(codes, targets.boxes[task], weights, switches.mask_nan) / divisors[1, task]
    return total


def response_loss(
    targets: Targets,
    student: HeadOutput,
    teacher: HeadOutput,
    head: HeadSettings,
    switches: LossSwitches,
) -> tuple[Tensor, Tensor]:
    """Detection loss and response loss, computed together as in the release because the sigmoid may work in place.

    The response loss repeats the detection loss with the teacher's output as target (KDHead.response_loss).

    Args:
        targets: output of `build_targets`.
        student: the student's predictions.
        teacher: the teacher's predictions; no gradient reaches them.
        head: code weights and weight of the box term.
        switches: for both predictions.

    Returns:
        detection loss, response loss: scalars.
    """
    detection = detection_loss(targets, student, head, switches)
    divisors = _divisors(targets, switches.clamp_mean)
    response = torch.zeros((), device=divisors.device)
    for task, (ours, theirs) in enumerate(zip(student, teacher, strict=True)):
        probability = ours["heatmap"] if switches.inplace_sigmoid else clipped_sigmoid(ours, in_place=False)
        heatmap = targets.heatmaps[task]
        taught = clipped_sigmoid(theirs, in_place=switches.inplace_sigmoid).detach()
        taught = taught * heatmap if switches.gated_target else torch.where(heatmap == 1, heatmap, taught)
        codes, taught_codes = (_codes_at_slots(maps, targets.indices[task]) for maps in (ours, theirs))
        weights = _slot_weights(targets, task, head)
        response = response + focal_loss(probability, taught) / divisors[0, task]
        response = response + _l1(codes, taught_codes.detach(), weights, switches.mask_nan) / divisors[1, task]
    return detection, response


def clipped_sigmoid(maps: dict[str, Tensor], *, in_place: bool) -> Tensor:
    """Heatmap probabilities [B, classes, H, W] clipped to 1e-4 .. 1 - 1e-4; `in_place` stores them in `maps`."""
    probability = maps["heatmap"].sigmoid().clamp(SIGMOID_MARGIN, 1 - SIGMOID_MARGIN)
    if in_place:
        maps["heatmap"] = probability
    return probability.float()


def focal_loss(probability: Tensor, target: Tensor) -> Tensor:
    """Sum of the Gaussian focal loss (CornerNet; alpha 2, gamma 4) over [B, classes, H, W], both in 0..1.

    A cell with target exactly 1 raises its probability; every other cell lowers it, less so the nearer its target is
    to 1.
    """
    epsilon = 1e-12
    positive = -(probability + epsilon).log() * (1 - probability) ** 2 * (target == 1)
    negative = -(1 - probability + epsilon).log() * probability**2 * (1 - target) ** 4
    return (positive + negative).sum()


def _l1(ours: Tensor, target: Tensor, weights: Tensor, mask_nan: bool) -> Tensor:
    if mask_nan:
        target = torch.where(target.isfinite(), target, ours.detach())
    return ((ours - target).abs() * weights).sum()


def _codes_at_slots(maps: dict[str, Tensor], indices: Tensor) -> Tensor:
    """Predicted box codes [B, slots, 10] in the cells `indices` [B, slots]."""
    flat = torch.cat([maps[name] for name in BRANCHES], dim=1).flatten(2).float()
    return flat.gather(2, indices[:, None].expand(-1, flat.shape[1], -1)).transpose(1, 2)


def _slot_weights(targets: Targets, task: int, head: HeadSettings) -> Tensor:
    """Weight of every target entry [B, slots, 10]: box weight times code weight in used slots, 0 for NaN entries."""
    boxes = targets.boxes[task]
    used = targets.masks[task].unsqueeze(2) & ~boxes.isnan()
    return used * (constant(tuple(head.code_weights), boxes) * head.box_loss_weight)


def positive_counts(targets: Targets) -> Tensor:
    """[2, tasks] float: positive cells and used slots of a batch."""
    positives = torch.stack([(heatmap == 1).sum() for heatmap in targets.heatmaps])
    return torch.stack([positives, torch.stack([mask.sum() for mask in targets.masks])]).float()


def _divisors(targets: Targets, clamp_mean: bool) -> Tensor:
    """[2, tasks]: positive cells (at least 1) and used slots (at least 1e-4) of the global batch.

    Under several processes it is the mean over them, so that averaged gradients are those of one process with the whole
    batch, unless the mean is clamped instead of the sum (see `LossSwitches.clamp_mean`).
    """
    share = 1 if clamp_mean else world_size()
    counts = reduce_mean(shared_counts(positive_counts(targets)))
    least = constant(((1.0,), (1e-4,)), counts) / share
    return torch.maximum(counts, least) + MEAN_EPSILON / share
