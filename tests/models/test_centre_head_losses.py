"""Losses against formulas written out with loops, for both values of every switch that acts on them."""

import math
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp

from labeldistill.config.grid import GridSettings
from labeldistill.config.model import HeadSettings
from labeldistill.models.centre_head.losses import LossSwitches, detection_loss, positive_counts, response_loss
from labeldistill.models.centre_head.targets import Targets, build_targets
from labeldistill.ops.distributed import counts_of_step

GRID = GridSettings(x_m=(-6.4, 6.4, 0.8), y_m=(-6.4, 6.4, 0.8))
HEAD = HeadSettings(code_weights=(1, 1, 1, 1, 1, 1, 1, 1, 0.5, 0.25), box_loss_weight=0.3, max_objects=8)
CLASSES_OF_TASK = (1, 2, 2, 1, 2, 2)
CAR = 0


def some_targets(vx=1.0):
    boxes = [
        torch.tensor([[0.1, 0.2, 1, 4, 2, 1.5, 0.3, vx, 2], [3, -3, 0, 4, 2, 1.5, 1.3, 0, 0]]),
        torch.tensor([[-2.0, 2, 1, 0.7, 0.7, 1.5, -2, 1, -1]]),
    ]
    labels = [torch.tensor([CAR, CAR]), torch.tensor([8])]
    return build_targets(boxes, labels, GRID, HEAD, truncate_centres=True, old_radius=True)


def some_predictions(seed=0, requires_grad=False):
    generator = torch.Generator().manual_seed(seed)
    channels = {"reg": 2, "height": 1, "dim": 3, "rot": 2, "vel": 2}
    return [
        {
            name: torch.randn(2, c, 16, 16, generator=generator).requires_grad_(requires_grad)
            for name, c in {**channels, "heatmap": classes}.items()
        }
        for classes in CLASSES_OF_TASK
    ]


def loss(targets, predictions, *, inplace_sigmoid=False, mask_nan=False, clamp_mean=False):
    switches = LossSwitches(inplace_sigmoid, mask_nan, clamp_mean=clamp_mean)
    return detection_loss(targets, predictions, HEAD, switches)


def focal_by_hand(probability, target):
    total = 0.0
    for p, t in zip(probability.double().flatten().tolist(), target.double().flatten().tolist(), strict=True):
        p = min(max(p, 1e-4), 1 - 1e-4)
        total += -math.log(p) * (1 - p) ** 2 if t == 1 else -math.log(1 - p) * p**2 * (1 - t) ** 4
    return total


def codes_by_hand(maps, index):
    return [
        maps[name][0, c, index // 16, index % 16].item()
        for name in ("reg", "height", "dim", "rot", "vel")
        for c in range(maps[name].shape[1])
    ]


def losses_by_hand(targets, predictions, teacher=None, devices=1):
    """Detection loss, or with a teacher the released response loss, cell by cell and slot by slot.

    On several devices that of the release, averaged over them: the mean number of positives is at least 1.
    """
    total = 0.0
    for task, maps in enumerate(predictions):
        heatmap = targets.heatmaps[task]
        aim = heatmap
        if teacher is not None:
            aim = teacher[task]["heatmap"].sigmoid().clamp(1e-4, 1 - 1e-4) * heatmap
        total += focal_by_hand(maps["heatmap"].sigmoid(), aim) / devices / max((heatmap == 1).sum().item() / devices, 1)
        used, box = targets.masks[task].nonzero().tolist(), 0.0
        for sample, slot in used:
            index = targets.indices[task][sample, slot].item()
            ours = codes_by_hand({n: m[sample : sample + 1] for n, m in maps.items()}, index)
            theirs = targets.boxes[task][sample, slot].tolist()
            if teacher is not None:
                theirs = codes_by_hand({n: m[sample : sample + 1] for n, m in teacher[task].items()}, index)
            box += sum(w * abs(a - b) for w, a, b in zip(HEAD.code_weights, ours, theirs, strict=True))
        total += HEAD.box_loss_weight * box / devices / max(len(used) / devices, 1e-4)
    return total


def test_detection_loss_equals_the_formula():
    targets, predictions = some_targets(), some_predictions()
    assert loss(targets, predictions).item() == pytest.approx(losses_by_hand(targets, predictions), rel=1e-5)


def test_response_loss_equals_the_formula():
    targets, student, teacher = some_targets(), some_predictions(1), some_predictions(2)
    both = response_loss(targets, student, teacher, HEAD, LossSwitches(False, False, True))
    assert both[0].item() == pytest.approx(losses_by_hand(targets, student), rel=1e-5)
    assert both[1].item() == pytest.approx(losses_by_hand(targets, student, teacher), rel=1e-5)


def test_in_place_sigmoid_overwrites_what_the_next_loss_sees():
    targets, predictions = some_targets(), some_predictions()
    logits = predictions[0]["heatmap"].clone()
    untouched = loss(targets, predictions)
    assert torch.equal(predictions[0]["heatmap"], logits)
    first = loss(targets, predictions, inplace_sigmoid=True)
    assert torch.equal(first, untouched)
    assert torch.equal(predictions[0]["heatmap"], logits.sigmoid().clamp(1e-4, 1 - 1e-4))
    second = loss(targets, predictions, inplace_sigmoid=True)
    assert abs(second.item() - first.item()) > 0.1 * first.item()


@pytest.mark.parametrize("inplace", [True, False])
def test_response_loss_is_the_same_in_place_and_reaches_both_heatmaps(inplace):
    targets, student, teacher = some_targets(), some_predictions(1), some_predictions(2)
    before = teacher[3]["heatmap"].clone()
    both = response_loss(targets, student, teacher, HEAD, LossSwitches(inplace, False, True))
    expected = losses_by_hand(targets, some_predictions(1), some_predictions(2))
    assert both[1].item() == pytest.approx(expected, rel=1e-5)
    assert torch.equal(teacher[3]["heatmap"], before) is not inplace


def test_nan_velocity_spoils_the_released_loss_and_is_left_out_of_the_corrected_one():
    with_gap = some_targets(vx=float("nan"))
    assert loss(with_gap, some_predictions()).isnan()
    predictions = some_predictions(requires_grad=True)
    value = loss(with_gap, predictions, mask_nan=True)
    value.backward()
    assert all(m.grad.isfinite().all() for maps in predictions for m in maps.values())
    # its share of the whole loss: both weights x the difference / two used slots
    predicted = predictions[0]["vel"][0, 0, 8, 8].item()
    share = HEAD.box_loss_weight * 0.5 * abs(predicted - 1.0) / 2
    assert value.item() == pytest.approx(loss(some_targets(), some_predictions()).item() - share, rel=1e-5)
    assert predictions[0]["vel"].grad[0, 0, 8, 8] == 0


def test_released_response_only_pushes_down_and_the_corrected_one_also_up():
    targets, teacher = some_targets(), some_predictions(2)
    centre = targets.heatmaps[0] == 1
    gradients = {}
    for gated in (True, False):
        student = some_predictions(1, requires_grad=True)
        _, response = response_loss(targets, student, teacher, HEAD, LossSwitches(False, False, gated))
        response.backward()
        gradients[gated] = student[0]["heatmap"].grad
    assert (gradients[True] >= 0).all()
    assert (gradients[False][centre] < 0).all()
    assert (gradients[False][~centre] >= 0).all()


def test_no_gradient_reaches_the_teacher():
    student, teacher = some_predictions(1, requires_grad=True), some_predictions(2, requires_grad=True)
    _, response = response_loss(some_targets(), student, teacher, HEAD, LossSwitches(False, False, True))
    response.backward()
    assert all(m.grad is None for maps in teacher for m in maps.values())


def test_without_boxes_only_the_heatmaps_count():
    empty = build_targets(
        [torch.zeros(0, 9)] * 2, [torch.zeros(0)] * 2, GRID, HEAD, truncate_centres=True, old_radius=True
    )
    predictions = some_predictions(requires_grad=True)
    value = loss(empty, predictions)
    value.backward()
    assert value.item() == pytest.approx(losses_by_hand(empty, predictions), rel=1e-5)
    assert all(not maps["reg"].grad.any() for maps in predictions)


def part_of(rank: int):
    """One of the two samples: its targets and predictions."""
    whole, part = some_targets(), slice(rank, rank + 1)
    lists = (whole.heatmaps, whole.boxes, whole.indices, whole.masks)
    targets = Targets(*([values[part] for values in each] for each in lists))
    return targets, [{name: value[part] for name, value in maps.items()} for maps in some_predictions()]


def _one_process(rank: int, folder: str) -> None:
    torch.distributed.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=2)
    targets, predictions = part_of(rank)
    found = [loss(targets, predictions, clamp_mean=clamp) for clamp in (False, True)]
    torch.save(torch.stack(found), f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_processes_that_share_a_batch_have_its_loss_on_average(tmp_path: Path):
    """Two cars on one process, one pedestrian on the other, no positive at all in the other tasks."""
    mp.spawn(_one_process, args=(str(tmp_path),), nprocs=2)
    shared, released = (sum(torch.load(tmp_path / f"{rank}.pt") for rank in range(2)) / 2).tolist()
    assert shared == pytest.approx(loss(some_targets(), some_predictions()).item(), rel=1e-6)
    assert released == pytest.approx(losses_by_hand(some_targets(), some_predictions(), devices=2), rel=1e-5)
    assert released < 0.9 * shared  # the lone pedestrian counts half
    parts = [part_of(rank) for rank in range(2)]
    with counts_of_step(torch.stack([positive_counts(targets) for targets, _ in parts]).mean(0)):
        accumulated = sum(loss(*part, clamp_mean=True).item() for part in parts) / 2
    assert accumulated == pytest.approx(released, rel=1e-6)  # two micro-batches of one process stand for the two
    assert sum(loss(*part, clamp_mean=True).item() for part in parts) / 2 != pytest.approx(released, rel=1e-2)
