import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pyquaternion import Quaternion

from labeldistill.geometry.frames import (
    inverse_pose,
    mean_pose,
    pose_matrix,
    quaternion_inverse,
    quaternion_of_matrix,
    quaternion_product,
    rotation_matrix,
    transformed,
)

quaternions = arrays(np.float64, 4, elements=st.floats(-2, 2)).filter(lambda q: np.linalg.norm(q) > 0.1)
vectors = arrays(np.float64, 3, elements=st.floats(-2000, 2000))


@given(quaternions)
def test_a_rotation_matrix_is_pyquaternions(q):
    np.testing.assert_allclose(rotation_matrix(q), Quaternion(q).rotation_matrix, atol=1e-12)


@given(quaternions)
def test_matrix_and_quaternion_are_inverse(q):
    back = quaternion_of_matrix(rotation_matrix(q))
    assert back[0] >= 0
    np.testing.assert_allclose(rotation_matrix(back), rotation_matrix(q), atol=1e-12)


@given(quaternions, quaternions)
def test_a_product_turns_by_the_second_then_the_first(a, b):
    np.testing.assert_allclose(
        quaternion_product(a, b), (Quaternion(a) * Quaternion(b)).elements, rtol=1e-12, atol=1e-12
    )
    np.testing.assert_allclose(
        rotation_matrix(quaternion_product(a, b)), rotation_matrix(a) @ rotation_matrix(b), atol=1e-12
    )


@given(quaternions)
def test_the_inverse_undoes_a_turn(q):
    turned = rotation_matrix(quaternion_inverse(q)) @ rotation_matrix(q)
    np.testing.assert_allclose(turned, np.eye(3), atol=1e-12)


@given(quaternions, vectors, vectors)
def test_a_pose_takes_a_point_there_and_its_inverse_back(q, t, point):
    matrix = pose_matrix(q, t)
    there = transformed(matrix, point[None])[0]
    np.testing.assert_allclose(there, Quaternion(q).normalised.rotate(point) + t, atol=1e-9)
    np.testing.assert_allclose(transformed(inverse_pose(matrix), there[None])[0], point, atol=1e-8)
    np.testing.assert_allclose(inverse_pose(matrix), np.linalg.inv(matrix), atol=1e-8)


def test_batches_of_poses_are_the_single_ones():
    rng = np.random.default_rng(0)
    q, t, points = rng.normal(size=(3, 2, 4)), rng.normal(size=(3, 2, 3)), rng.normal(size=(3, 2, 7, 3))
    whole = transformed(pose_matrix(q, t), points)
    for i in range(3):
        for j in range(2):
            np.testing.assert_allclose(whole[i, j], transformed(pose_matrix(q[i, j], t[i, j]), points[i, j]))


def test_a_mean_pose_is_not_normalised():
    rotation, translation = mean_pose([[1, 0, 0, 0], [0, 0, 0, 1]], [[0, 0, 0], [2, 4, 6]])
    assert rotation.tolist() == [0.5, 0, 0, 0.5]
    assert translation.tolist() == [1, 2, 3]
    # ... but is used as a rotation: 90 degrees about z, halfway between 0 and 180.
    np.testing.assert_allclose(rotation_matrix(rotation) @ [1, 0, 0], [0, 1, 0], atol=1e-12)


@pytest.mark.parametrize("name", ["rotation_matrix", "quaternion_inverse"])
def test_length_does_not_matter(name):
    import labeldistill.geometry.frames as frames

    function = getattr(frames, name)
    np.testing.assert_allclose(function([0.2, -0.4, 0.6, 1.0]), function([0.4, -0.8, 1.2, 2.0]) * 1, atol=1e-12)
