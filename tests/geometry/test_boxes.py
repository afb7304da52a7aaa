import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nuscenes.eval.common.utils import quaternion_yaw
from nuscenes.utils.data_classes import Box
from pyquaternion import Quaternion

from labeldistill.geometry.boxes import (
    corners,
    ego_to_global,
    global_to_ego,
    heading,
    quaternion_of_yaw,
    wrapped,
    yaw,
)


def some_poses(seed: int, count: int = 40):
    """Ego poses with the slight pitch and roll of a car, and upright boxes around them."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        ego = Quaternion(axis=[0, 0, 1], radians=rng.uniform(-9, 9)) * Quaternion(
            axis=[*rng.normal(size=2), 0], radians=rng.uniform(-0.05, 0.05)
        )
        place = np.array([*rng.uniform(-2000, 2000, 2), rng.uniform(-3, 3)])
        box = Box(
            (place + rng.uniform(-50, 50, 3)).tolist(),
            rng.uniform(0.2, 12, 3).tolist(),
            Quaternion(axis=[0, 0, 1], radians=rng.uniform(-9, 9)),
            velocity=(*rng.uniform(-10, 10, 2), 0.0),
        )
        yield ego, place, box


def as_arrays(box: Box):
    return box.center[None], box.wlh[None], box.orientation.elements[None], np.asarray(box.velocity)[None]


def test_a_box_in_the_ego_frame_is_the_devkits():
    for ego, place, box in some_poses(0):
        ours = global_to_ego(*as_arrays(box), ego.elements * 0.7, place)[0]
        box.translate(-place)
        box.rotate(ego.inverse)
        np.testing.assert_allclose(ours[:3], box.center, atol=1e-9)
        np.testing.assert_allclose(ours[3:6], box.wlh[[1, 0, 2]])
        assert ours[6] == pytest.approx(box.orientation.yaw_pitch_roll[0], abs=1e-9)
        np.testing.assert_allclose(ours[7:], box.velocity[:2], atol=1e-9)


def test_a_box_comes_back_to_the_devkits_global_box():
    for ego, place, box in some_poses(1):
        boxes = global_to_ego(*as_arrays(box), ego.elements, place)
        centre, wlh, rotation, velocity = ego_to_global(boxes, ego.elements, place)
        np.testing.assert_allclose(centre[0], box.center, atol=1e-8)
        np.testing.assert_allclose(wlh[0], box.wlh)
        # Nine numbers hold no pitch and roll, so the heading comes back to second order of the ego's tilt.
        turned = wrapped(quaternion_yaw(Quaternion(rotation[0])) - quaternion_yaw(box.orientation))
        assert abs(turned) < 2 * 0.05**2
        np.testing.assert_allclose(velocity[0][:2], box.velocity[:2], atol=10 * 0.05**2 * 2)


def test_without_tilt_the_round_trip_is_exact():
    ego, place = Quaternion(axis=[0, 0, 1], degrees=77), np.array([600.0, 1600.0, 0.0])
    box = Box([610.0, 1590.0, 1.0], [2.0, 4.5, 1.6], Quaternion(axis=[0, 0, 1], degrees=-120), velocity=(3, -4, 0))
    centre, wlh, rotation, velocity = ego_to_global(
        global_to_ego(*as_arrays(box), ego.elements, place), ego.elements, place
    )
    np.testing.assert_allclose(centre[0], box.center, atol=1e-9)
    np.testing.assert_allclose(abs(rotation[0] @ box.orientation.elements), 1, atol=1e-12)
    np.testing.assert_allclose(velocity[0], [3, -4, 0], atol=1e-12)
    np.testing.assert_allclose(wlh[0], [2.0, 4.5, 1.6])


def test_corners_are_the_devkits():
    for _, _, box in some_poses(2, 10):
        row = [*box.center, *box.wlh[[1, 0, 2]], box.orientation.yaw_pitch_roll[0], 0, 0]
        np.testing.assert_allclose(corners([row])[0], box.corners().T, atol=1e-9)


def test_heading_is_the_evaluations_yaw_and_yaw_is_pyquaternions():
    for ego, _, _ in some_poses(3):
        assert heading(ego.elements) == pytest.approx(quaternion_yaw(ego), abs=1e-12)
        assert yaw(ego.elements) == pytest.approx(ego.yaw_pitch_roll[0], abs=1e-12)


def test_an_unknown_velocity_stays_unknown_and_spoils_nothing_else():
    box = Box([1, 2, 3], [1, 2, 3], Quaternion(), velocity=(np.nan, np.nan, np.nan))
    ours = global_to_ego(*as_arrays(box), [1, 0, 0, 0], [0, 0, 0])[0]
    assert np.isnan(ours[7:]).all()
    assert np.isfinite(ours[:7]).all()


@given(st.floats(-50, 50))
def test_wrapping_keeps_the_direction(angle):
    turned = float(wrapped(angle))
    assert -np.pi <= turned < np.pi
    assert np.cos(turned) == pytest.approx(np.cos(angle), abs=1e-9)
    assert np.sin(turned) == pytest.approx(np.sin(angle), abs=1e-9)
    assert np.cos(float(yaw(quaternion_of_yaw(angle))) - angle) == pytest.approx(1)
