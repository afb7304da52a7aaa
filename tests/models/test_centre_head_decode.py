"""Decoding: targets used as perfect predictions return the boxes; thresholds, range, counts, ties."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labeldistill.config.grid import GridSettings
from labeldistill.config.model import HeadSettings
from labeldistill.geometry.classes import CLASSES, TASKS
from labeldistill.models.centre_head.decode import decode
from labeldistill.models.centre_head.options import HeadOptions
from labeldistill.models.centre_head.targets import Targets, build_targets

GRID = GridSettings(x_m=(-25.6, 25.6, 0.8), y_m=(-12.8, 12.8, 0.8), max_decoded_distance_m=30)  # 64 columns, 32 rows
SHAPE = (32, 64)
BRANCH_COLUMNS = {"reg": (0, 2), "height": (2, 3), "dim": (3, 6), "rot": (6, 8), "vel": (8, 10)}


def perfect(targets: Targets, score: float = 0.9):
    """Maps whose peaks are the targets' cells and whose values there are the targets' codes."""
    predictions = []
    for task, names in enumerate(TASKS):
        batch = targets.heatmaps[task].shape[0]
        maps = {n: torch.zeros(batch, high - low, *SHAPE) for n, (low, high) in BRANCH_COLUMNS.items()}
        maps["heatmap"] = torch.where(targets.heatmaps[task] == 1, math.log(score / (1 - score)), -8.0)
        assert maps["heatmap"].shape == (batch, len(names), *SHAPE)
        for sample, slot in targets.masks[task].nonzero().tolist():
            row, column = divmod(targets.indices[task][sample, slot].item(), SHAPE[1])
            for name, (low, high) in BRANCH_COLUMNS.items():
                maps[name][sample, :, row, column] = targets.boxes[task][sample, slot, low:high]
        predictions.append(maps)
    return predictions


@st.composite
def scenes(draw):
    """Boxes on a lattice of 5 m (so that no NMS radius joins them), with jitter, any yaw, any class."""
    places = draw(st.lists(st.tuples(st.integers(-4, 4), st.integers(-2, 2)), unique=True, max_size=8))
    boxes, labels = [], []
    for x, y in places:
        jitter = [draw(st.floats(-0.7, 0.7)) for _ in range(2)]
        size = [draw(st.floats(0.2, 12)) for _ in range(3)]
        rest = [draw(st.floats(-3.1, 3.1)) for _ in range(3)]
        boxes.append([5 * x + jitter[0], 5 * y + jitter[1], draw(st.floats(-4, 4)), *size, *rest])
        labels.append(draw(st.integers(0, 9)))
    return torch.tensor(boxes).reshape(-1, 9), torch.tensor(labels, dtype=torch.int64)


@settings(max_examples=40, deadline=None)
@given(scenes(), scenes(), st.booleans())
def test_decoding_perfect_predictions_returns_the_boxes(first, second, released):
    options = HeadOptions(truncate_centres=released, old_radius=released, squared_distance=True)
    head = HeadSettings(max_objects=12)
    targets = options.targets([first[0], second[0]], [first[1], second[1]], GRID, head)
    for found, (boxes, labels) in zip(options.decode(perfect(targets), GRID, head), (first, second), strict=True):
        assert len(found.boxes) == len(boxes)
        if not len(boxes):
            continue
        distance = torch.cdist(found.boxes[:, :2].double(), boxes[:, :2].double())
        match = distance.argmin(1)
        assert sorted(match.tolist()) == list(range(len(boxes)))
        assert (found.boxes - boxes[match]).abs().max() < 5e-5
        assert torch.equal(found.labels, labels[match])
        assert found.scores.sub(0.9).abs().max() < 1e-6


def crowd(*cells, scores=None):
    """Predictions of the first task (others empty) with peaks in the given (row, column) cells."""
    predictions = []
    for names in TASKS:
        maps = {n: torch.zeros(1, high - low, *SHAPE) for n, (low, high) in BRANCH_COLUMNS.items()}
        maps["heatmap"] = torch.full((1, len(names), *SHAPE), -20.0)
        predictions.append(maps)
    for i, (row, column) in enumerate(cells):
        score = 0.5 if scores is None else scores[i]
        predictions[0]["heatmap"][0, 0, row, column] = math.log(score / (1 - score))
    return predictions


def found(predictions, *, squared=True, **head):
    return decode(predictions, GRID, HeadSettings(**head), squared_distance=squared)[0]


def test_score_threshold_is_strict_and_zero_lets_all_pass():
    predictions = crowd((0, 0), (10, 10), (20, 20), scores=[0.05, 0.2, 0.5])
    assert found(predictions).scores.tolist() == pytest.approx([0.5, 0.2])
    at_half = crowd((0, 0))
    assert len(found(at_half, score_threshold=0.5).scores) == 0
    # every best cell of every task, but NMS joins what lies within its radius
    assert len(found(predictions, score_threshold=0, max_detections=3, circle_nms_radius=(0,) * 6).scores) == 3 * 6


def test_centres_out_of_range_are_dropped():
    predictions = crowd((0, 0), (10, 10), (20, 20), (30, 30))
    predictions[0]["height"][0, 0, 10, 10] = 10.5
    predictions[0]["reg"][0, 0, 20, 20] = 70.0
    predictions[0]["reg"][0, 1, 30, 30] = -80.0
    assert found(predictions).boxes[:, :2].tolist() == [[pytest.approx(-25.6), pytest.approx(-12.8)]]


def test_z_is_the_centre_and_sizes_are_exponentials():
    predictions = crowd((3, 4))
    predictions[0]["height"][0, 0, 3, 4] = 1.25
    predictions[0]["dim"][0, :, 3, 4] = torch.tensor([4.0, 2.0, 1.5]).log()
    predictions[0]["rot"][0, :, 3, 4] = torch.tensor([2.0, 0.0])  # not of length 1: only the direction counts
    predictions[0]["vel"][0, :, 3, 4] = torch.tensor([3.0, -1.0])
    expected = [4 * 0.8 - 25.6, 3 * 0.8 - 12.8, 1.25, 4, 2, 1.5, math.pi / 2, 3, -1]
    torch.testing.assert_close(found(predictions).boxes[0], torch.tensor(expected), atol=1e-5, rtol=0)


def test_at_most_the_maximum_a_task_best_first():
    cells = [(r, c) for r in range(0, 32, 4) for c in range(0, 64, 4)]  # 3.2 m apart, 128 of them
    scores = [0.2 + 0.005 * i for i in range(len(cells))]
    some = found(crowd(*cells, scores=scores))
    assert len(some.scores) == 83
    assert some.scores.tolist() == pytest.approx(sorted(scores, reverse=True)[:83])
    assert len(found(crowd(*cells, scores=scores), max_per_task=5).scores) == 5
    assert len(found(crowd(*cells, scores=scores), max_detections=7).scores) == 7


def test_distance_switch_reaches_decoding():
    pair = crowd((10, 10), (10, 14), scores=[0.9, 0.8])  # 3.2 m apart; the radius of cars is 4
    assert len(found(pair, squared=True).scores) == 2
    assert len(found(pair, squared=False).scores) == 1


def test_size_aware_variant():
    pair = crowd((10, 10), (10, 14), scores=[0.9, 0.8])
    for maps in pair:
        maps["dim"] += math.log(4)
    joined = decode(pair, GRID, HeadSettings(), squared_distance=True, size_aware_scales=(1,) * 6)
    apart = decode(pair, GRID, HeadSettings(), squared_distance=True, size_aware_scales=(0.3,) * 6)
    assert (len(joined[0].scores), len(apart[0].scores)) == (1, 2)


def test_classes_inside_a_task_count_on():
    predictions = crowd()
    for task, names in enumerate(TASKS):
        for i in range(len(names)):
            predictions[task]["heatmap"][0, i, 8, 8 + 20 * i] = 1.0
    labels = found(predictions).labels
    assert sorted(labels.tolist()) == list(range(len(CLASSES)))
    assert labels.dtype == torch.int64


def test_more_detections_asked_than_cells():
    small = GridSettings(x_m=(-3.2, 3.2, 0.8), y_m=(-3.2, 3.2, 0.8))
    predictions = [{n: m[..., :8, :8].clone() for n, m in maps.items()} for maps in crowd((2, 2))]
    assert len(decode(predictions, small, HeadSettings(), squared_distance=True)[0].scores) == 1


def test_predictions_are_left_alone():
    predictions = crowd((2, 2))
    before = [{n: m.clone() for n, m in maps.items()} for maps in predictions]
    found(predictions)
    assert all(torch.equal(a[n], b[n]) for a, b in zip(predictions, before, strict=True) for n in a)


def test_targets_come_from_the_same_frame_as_detections():
    """A planted fault: turning yaw the other way in the targets must break the round trip."""
    box = torch.tensor([[3.0, -4, 0.5, 4, 2, 1.5, 0.7, 1, 2]])
    mirrored = box * torch.tensor([1, 1, 1, 1, 1, 1, -1, 1, 1])
    targets = build_targets(
        [mirrored], [torch.tensor([0])], GRID, HeadSettings(), truncate_centres=True, old_radius=True
    )
    back = decode(perfect(targets), GRID, HeadSettings(), squared_distance=True)[0].boxes
    assert (back - mirrored).abs().max() < 1e-5
    assert (back - box).abs().max() > 1
