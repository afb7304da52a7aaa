"""Circle NMS against a double loop, at its boundary, with ties, and under both values of the distance switch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeldistill.ops.circle_nms import circle_nms, size_aware_circle_nms

few_scores = st.sampled_from([0.1, 0.25, 0.5, 0.75, 1.0])  # ties are common
box = st.tuples(st.integers(-3, 3), st.integers(-3, 3), few_scores)


def loop_nms(centres: np.ndarray, scores: np.ndarray, near) -> list[int]:
    """The definition, one pair at a time: best score first, of equal scores the later index first."""
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], -i))
    kept: list[int] = []
    for i in order:
        if not any(near(centres[i], centres[j]) for j in kept):
            kept.append(i)
    return kept


@settings(max_examples=60, deadline=None)
@given(st.lists(box, max_size=12), st.sampled_from([1, 2, 4, 5]), st.booleans())
def test_equals_a_double_loop(boxes, radius, squared):
    dets = np.array(boxes, dtype=np.float32).reshape(-1, 3)
    limit = radius if squared else radius**2

    def near(a, b):
        return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 <= limit

    kept = circle_nms(dets[:, :2], dets[:, 2], radius, squared_distance=squared)
    assert kept.tolist() == loop_nms(dets[:, :2], dets[:, 2], near)


def test_equals_a_double_loop_beyond_one_block():
    rng = np.random.default_rng(5)
    centres, scores = rng.uniform(-12, 12, (300, 2)).astype(np.float32), rng.permutation(300).astype(np.float32)

    def near(a, b):
        return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 <= 1.5

    expected = loop_nms(centres, scores, near)
    assert 64 < len(expected) < 250
    assert circle_nms(centres, scores, 1.5, squared_distance=True).tolist() == expected
    assert circle_nms(centres, scores, 1.5, squared_distance=True, max_kept=83).tolist() == expected[:83]


@pytest.mark.parametrize(("distance", "kept_released", "kept_corrected"), [(1.9, 1, 1), (2.0, 1, 1), (2.1, 2, 1)])
def test_released_radius_of_4_reaches_2_metres_and_the_corrected_one_4(distance, kept_released, kept_corrected):
    centres, scores = np.array([[0, 0], [distance, 0]], dtype=np.float32), np.array([0.9, 0.8], dtype=np.float32)
    assert len(circle_nms(centres, scores, 4, squared_distance=True)) == kept_released
    assert len(circle_nms(centres, scores, 4, squared_distance=False)) == kept_corrected


def test_the_suppressed_do_not_suppress():
    centres = np.array([[0, 0], [1.5, 0], [3, 0]], dtype=np.float32)
    kept = circle_nms(centres, np.array([0.9, 0.8, 0.7]), 4, squared_distance=True)
    assert kept.tolist() == [0, 2]


def test_of_equal_scores_the_later_one_stays():
    assert circle_nms(np.zeros((3, 2)), np.full(3, 0.5), 1, squared_distance=True).tolist() == [2]


def test_nothing_in_nothing_out():
    assert circle_nms(np.zeros((0, 2)), np.zeros(0), 1, squared_distance=True).tolist() == []
    assert size_aware_circle_nms(np.zeros((0, 5)), np.zeros(0), 1).tolist() == []


def test_size_aware_equals_a_double_loop():
    rng = np.random.default_rng(7)
    boxes = np.column_stack([rng.uniform(-15, 15, (120, 2)), rng.uniform(0.3, 5, (120, 2)), rng.uniform(-4, 4, 120)])
    scores = rng.permutation(120) / 120

    def near(a, b):
        reach = [
            sum(abs(q[2] * f(q[4])) + abs(q[3] * g(q[4])) for q in (a, b)) * 0.8 / 2
            for f, g in ((np.cos, np.sin), (np.sin, np.cos))
        ]
        return abs(a[0] - b[0]) <= reach[0] and abs(a[1] - b[1]) <= reach[1]

    expected = loop_nms(boxes, scores, near)
    assert 10 < len(expected) < 110
    assert size_aware_circle_nms(boxes, scores, 0.8).tolist() == expected
    assert size_aware_circle_nms(boxes, scores, 0.8, max_kept=5).tolist() == expected[:5]


def test_size_aware_extents_turn_with_the_box():
    """Two long boxes side by side, 2 m apart across: their long sides along x leave both, along y suppress one."""
    side_by_side = np.array([[0, 0, 8, 1, 0], [0, 2, 8, 1, 0]], dtype=float)
    turned = side_by_side.copy()
    turned[:, 4] = np.pi / 2
    assert len(size_aware_circle_nms(side_by_side, np.array([0.9, 0.8]), 1)) == 2
    assert len(size_aware_circle_nms(turned, np.array([0.9, 0.8]), 1)) == 1
