"""Targets against hand-derived values and a slow, plain loop; the gaussians against their definition."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labeldistill.config.grid import GridSettings
from labeldistill.config.model import HeadSettings
from labeldistill.geometry.classes import CLASSES, TASKS
from labeldistill.models.centre_head.gaussian import draw_gaussians, gaussian_radius, whole_radius
from labeldistill.models.centre_head.targets import build_targets

GRID = GridSettings(x_m=(-12.8, 12.8, 0.8), y_m=(-6.4, 6.4, 0.8))  # 32 columns, 16 rows
CAR, TRUCK, CRANE, PEDESTRIAN = (CLASSES.index(n) for n in ("car", "truck", "construction_vehicle", "pedestrian"))


def box(x, y, z=0.0, dx=4.0, dy=2.0, dz=1.5, yaw=0.3, vx=1.0, vy=-2.0):
    return [x, y, z, dx, dy, dz, yaw, vx, vy]


def targets(boxes, labels, *, truncate=True, old=True, grid=GRID, **head):
    boxes = [torch.tensor(b, dtype=torch.float32).reshape(-1, 9) for b in boxes]
    labels = [torch.tensor(x, dtype=torch.int64) for x in labels]
    return build_targets(boxes, labels, grid, HeadSettings(**head), truncate_centres=truncate, old_radius=old)


def test_one_car_by_hand():
    built = targets([[box(0.2, -6.0, 0.7)]], [[CAR]])
    assert built.heatmaps[0].shape == (1, 1, 16, 32)
    assert built.heatmaps[0][0, 0].eq(1).nonzero().tolist() == [[0, 16]]  # row y, column x
    assert built.indices[0][0, 0] == 0 * 32 + 16
    assert built.masks[0].nonzero().tolist() == [[0, 0]]
    expected = [0.25, 0.5, 0.7, math.log(4), math.log(2), math.log(1.5), math.sin(0.3), math.cos(0.3), 1, -2]
    torch.testing.assert_close(built.boxes[0][0, 0], torch.tensor(expected), atol=2e-6, rtol=0)
    assert all(not m.any() for m in built.masks[1:])
    assert all(not h.any() for h in built.heatmaps[1:])


@pytest.mark.parametrize(("truncate", "used"), [(True, True), (False, False)])
def test_centre_just_below_the_range(truncate, used):
    """Quirk 8: cell -0.5 is truncated to 0, with a negative offset; rounded down it is out of range."""
    built = targets([[box(-13.2, 0.0)]], [[CAR]], truncate=truncate)
    assert bool(built.masks[0][0, 0]) is used
    if used:
        assert built.indices[0][0, 0] == 8 * 32
        assert built.boxes[0][0, 0, 0] == pytest.approx(-0.5, abs=1e-5)


@pytest.mark.parametrize("truncate", [True, False])
def test_centres_outside_are_left_out(truncate):
    outside = [box(-13.7, 0), box(12.8, 0), box(0, 6.4), box(0, -7.3), box(float("nan"), 0)]
    built = targets([outside], [[CAR] * 5], truncate=truncate)
    assert not built.masks[0].any()
    assert not built.heatmaps[0].any()


def test_left_out_boxes_leave_holes():
    """Quirk 9: slots are the place in the task's list, also behind boxes without area or outside."""
    boxes = [box(0, 0), box(1, 0, dx=0), box(2, 0, dy=-1), box(50, 0), box(3, 0)]
    built = targets([boxes], [[CAR] * 5])
    assert built.masks[0][0].nonzero().flatten().tolist() == [0, 4]
    assert not built.boxes[0][0, 1:4].any()


def test_slots_go_by_class_then_by_given_order_and_stop_at_the_maximum():
    boxes = [[box(0, 0, 1), box(2, 0, 2), box(4, 0, 3), box(6, 0, 4)]]
    labels = [[CRANE, TRUCK, CRANE, TRUCK]]
    assert targets(boxes, labels).boxes[1][0, :4, 2].tolist() == [2, 4, 1, 3]
    short = targets(boxes, labels, max_objects=3)
    assert short.boxes[1].shape == (1, 3, 10)
    assert short.boxes[1][0, :, 2].tolist() == [2, 4, 1]
    assert short.heatmaps[1].eq(1).sum() == 3


def test_samples_without_boxes_and_unknown_labels():
    built = targets([[], [box(0, 0), box(1, 1)]], [[], [-1, PEDESTRIAN]])
    assert [m.sum().item() for m in built.masks] == [0, 0, 0, 0, 0, 1]
    assert built.masks[5].nonzero().tolist() == [[1, 0]]
    nothing = build_targets(
        [torch.zeros(0, 7)], [torch.zeros(0)], GRID, HeadSettings(), truncate_centres=True, old_radius=True
    )
    assert not any(h.any() for h in nothing.heatmaps)


def test_velocity_gaps_are_kept():
    assert targets([[box(0, 0, vx=float("nan"))]], [[CAR]]).boxes[0][0, 0].isnan().nonzero().tolist() == [[8]]


def test_radius_by_hand():
    """10 x 10 cells at overlap 0.1: roots 14.26, 26.32, 4.32 of the old formula; 5.74, 3.42, 10.81 of the mended."""
    ten = torch.tensor([10.0])
    assert gaussian_radius(ten, ten, 0.1, old_formula=True).item() == pytest.approx((math.sqrt(160) - 4) / 2, rel=1e-6)
    mended = (40 - math.sqrt(160)) / 8
    assert gaussian_radius(ten, ten, 0.1, old_formula=False).item() == pytest.approx(mended, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.5, 40), st.floats(0.5, 40), st.floats(0.1, 0.9))
def test_mended_radius_keeps_the_overlap(length, width, overlap):
    """Its meaning: moved, shrunk or grown by the radius a box still overlaps enough, and one of them just so."""
    tensors = (torch.tensor([v], dtype=torch.float64) for v in (length, width))
    r = gaussian_radius(*tensors, overlap, old_formula=False).item()
    area, common = length * width, (length - r) * (width - r)
    overlaps = [
        common / (2 * area - common),
        max(length - 2 * r, 0) * max(width - 2 * r, 0) / area,
        area / ((length + 2 * r) * (width + 2 * r)),
    ]
    assert min(overlaps) == pytest.approx(overlap, rel=1e-6)


def test_whole_radius():
    radius = whole_radius(torch.tensor([0.3, 2.99, 3.0, 7.8, float("inf"), float("nan")]), 2)
    assert radius[:4].tolist() == [2, 2, 3, 7]
    assert (radius[4:] >= 2).all()


def drawn_slowly(shape, bumps):
    planes = np.zeros(shape)
    for p, cx, cy, r in bumps:
        for y in range(shape[1]):
            for x in range(shape[2]):
                if abs(x - cx) <= r and abs(y - cy) <= r:
                    value = math.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * ((2 * r + 1) / 6) ** 2))
                    planes[p, y, x] = max(planes[p, y, x], value)
    return planes


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 12), st.integers(0, 6), st.integers(0, 20)), max_size=6))
def test_gaussians_equal_their_definition(bumps):
    planes = torch.zeros(3, 7, 13)
    columns = torch.tensor(bumps, dtype=torch.int64).reshape(-1, 4)
    draw_gaussians(planes, columns[:, 0], columns[:, 1], columns[:, 2], columns[:, 3])
    np.testing.assert_allclose(planes.numpy(), drawn_slowly((3, 7, 13), bumps), rtol=1e-6, atol=1e-7)


def built_slowly(boxes, labels, grid, max_objects):
    """One sample's targets by a plain loop in NumPy's single precision: (heatmaps [10, H, W], slots by task)."""
    columns, rows = grid.cells_xy
    bumps, slots = [], [{} for _ in TASKS]
    for task, names in enumerate(TASKS):
        mine = [i for name in names for i in range(len(boxes)) if labels[i] == CLASSES.index(name)]
        for slot, i in enumerate(mine[:max_objects]):
            b = boxes[i]
            cx, cy = (
                (b[0] - np.float32(grid.x_m[0])) / np.float32(grid.x_m[2]),
                (b[1] - np.float32(grid.y_m[0])) / np.float32(grid.y_m[2]),
            )
            w, h = float(b[3]) / grid.x_m[2], float(b[4]) / grid.y_m[2]
            if w <= 0 or h <= 0 or not (-1 < cx < columns and -1 < cy < rows):
                continue
            # the old formula, its third root written out (the smallest one at overlap 0.1)
            radius = (-0.2 * (w + h) + math.sqrt(0.04 * (w + h) ** 2 + 1.44 * w * h)) / 2
            bumps.append((labels[i], int(cx), int(cy), max(2, int(radius))))
            slots[task][slot] = (int(cy) * columns + int(cx), b)
    return drawn_slowly((len(CLASSES), rows, columns), bumps), slots


def test_a_batch_equals_the_slow_loop():
    rng = np.random.default_rng(11)
    boxes, labels = [], []
    for count in (40, 0, 25):
        wide = rng.uniform([-15, -8, -2, -0.3, -0.2, 0.5, -4, -9, -9], [15, 8, 2, 9, 3, 4, 4, 9, 9], (count, 9))
        boxes.append(wide.astype(np.float32))
        labels.append(rng.integers(0, 10, count))
    built = targets([b.tolist() for b in boxes], [x.tolist() for x in labels], max_objects=4)
    for sample in range(3):
        heatmaps, slots = built_slowly(boxes[sample], labels[sample].tolist(), GRID, 4)
        ours = torch.cat([h[sample] for h in built.heatmaps]).numpy()
        np.testing.assert_allclose(ours, heatmaps, atol=1e-6)
        for task, filled in enumerate(slots):
            assert built.masks[task][sample].nonzero().flatten().tolist() == sorted(filled)
            for slot, (cell, b) in filled.items():
                assert built.indices[task][sample, slot] == cell
                np.testing.assert_allclose(built.boxes[task][sample, slot, 3:6], np.log(b[3:6]), rtol=1e-5, atol=1e-6)
