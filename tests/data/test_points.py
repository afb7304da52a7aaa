import numpy as np
import pytest
from numpy.random import RandomState
from pyquaternion import Quaternion

from labeldistill.data.points import SweepOptions, capped, in_key_frame, within
from labeldistill.geometry.frames import pose_matrix

# slot and own of: a full neighbourhood; two clouds since the last key frame; a scene's first key frame; a lone one.
FULL = ([0, -1, -2, -3, -4, -5, 1, 2, 3], [1] * 6 + [0] * 3)
SHORT = ([0, -1, -2, -3, -4, -5, 1, 2, 3], [1, 1, 1, 0, 0, 0, 0, 0, 0])
FIRST = ([0, 1, 2, 3], [1, 0, 0, 0])
LONE = ([0], [1])


@pytest.mark.parametrize(
    ("clouds", "rule", "chosen"),
    [
        (FULL, SweepOptions(5, 3, cut_at_gap=True), range(9)),
        (FULL, SweepOptions(5, 0, cut_at_gap=True), range(6)),
        (FULL, SweepOptions(2, 1, cut_at_gap=True), [0, 1, 2, 6]),
        (FULL, SweepOptions(5, 3, cut_at_gap=False), range(9)),
        (SHORT, SweepOptions(5, 3, cut_at_gap=True), [0, 1, 2]),  # the list ends at the gap, nothing of the future
        (SHORT, SweepOptions(2, 3, cut_at_gap=True), [0, 1, 2, 6, 7, 8]),  # two were asked for, no gap
        (SHORT, SweepOptions(5, 3, cut_at_gap=False), range(9)),
        (FIRST, SweepOptions(5, 3, cut_at_gap=True), [0] * 9),  # the released copies
        (FIRST, SweepOptions(5, 0, cut_at_gap=True), [0] * 6),
        (FIRST, SweepOptions(5, 3, cut_at_gap=False), range(4)),
        (FIRST, SweepOptions(5, 0, cut_at_gap=False), [0]),
        (LONE, SweepOptions(5, 3, cut_at_gap=True), [0] * 9),
        (LONE, SweepOptions(5, 3, cut_at_gap=False), [0]),
        (LONE, SweepOptions(0, 0, cut_at_gap=True), [0]),
    ],
)
def test_which_clouds_are_used(clouds, rule, chosen):
    slot, own = np.array(clouds[0]), np.array(clouds[1], dtype=bool)
    assert rule.choose(slot, own).tolist() == list(chosen)


def test_a_cloud_in_the_key_frame_by_pyquaternion():
    rng = np.random.default_rng(1)
    cloud = rng.uniform(-50, 50, (100, 5)).astype(np.float32)
    sensor, sensor_at = Quaternion(axis=[0, 0.1, 1], degrees=-89), np.array([0.9, 0, 1.8])
    ego, ego_at = Quaternion(axis=[0.01, 0, 1], degrees=120), np.array([1010.0, 600.0, 1.0])
    key, key_at = Quaternion(axis=[0, 0.02, 1], degrees=121), np.array([1012.0, 597.0, 1.1])
    expected = [
        key.inverse.rotate(ego.rotate(sensor.rotate(p) + sensor_at) + ego_at - key_at)
        for p in cloud[:, :3].astype(float)
    ]
    sensor2global = pose_matrix(ego.elements, ego_at) @ pose_matrix(sensor.elements, sensor_at)
    key2global = pose_matrix(key.elements, key_at)
    exact = in_key_frame(cloud, sensor2global, key2global, float32_global=False)
    rounded = in_key_frame(cloud, sensor2global, key2global, float32_global=True)
    assert exact.dtype == rounded.dtype == np.float32
    assert np.abs(exact - expected).max() < 1e-5
    # float32 steps at 1000 m are 6e-5 m: seen in the released arithmetic, and no more than that.
    assert 2e-5 < np.abs(rounded - np.array(expected)).max() < 2e-4


def test_points_at_the_distance_are_out():
    cloud = np.array([[3, 4, 100, 1, 0], [30, 40, 0, 2, 0], [-3, 4.01, 0, 3, 0]], dtype=np.float32)
    assert within(cloud, 5.005)[:, 3].tolist() == [1]  # height does not count
    assert within(cloud, 50)[:, 3].tolist() == [1, 3]
    assert within(cloud, 50.1)[:, 3].tolist() == [1, 2, 3]


def test_too_many_points_are_thinned_by_the_released_draw():
    points = np.arange(50, dtype=np.float32).reshape(10, 5)
    rng = RandomState(0)
    assert capped(points, 10, rng) is points
    assert rng.random_sample() == RandomState(0).random_sample()  # nothing was drawn
    np.random.seed(4)
    np.testing.assert_array_equal(capped(points, 6, RandomState(4)), points[np.random.choice(10, 6, replace=False)])
