import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import RandomState
from PIL import Image

from labeldistill.config.model import BevAugmentationSettings, ImageSettings
from labeldistill.data.augmentation import (
    BevAugmentation,
    ImageAugmentation,
    centre_crop,
    draw_bev_augmentation,
    draw_image_augmentation,
)
from labeldistill.data.depth_maps import depth_map
from labeldistill.data.images import Normalisation, augmented, normalised
from labeldistill.geometry.boxes import corners

FULL = ImageSettings()


def test_the_released_evaluation_crop():
    # 900 x 1600 to 256 x 704: scale 0.44, 396 rows, of which the top 140 go.
    crop = centre_crop(FULL, (900, 1600))
    assert crop == ImageAugmentation(0.44, (704, 396), (0, 140, 704, 396), False, 0.0)


def test_an_image_of_the_inputs_size_is_left_alone():
    crop = centre_crop(ImageSettings(size_px=(64, 176)), (64, 176))
    assert crop == ImageAugmentation(1.0, (176, 64), (0, 0, 176, 64))
    np.testing.assert_array_equal(crop.matrix, np.eye(4))


def test_draws_come_in_the_released_order():
    np.random.seed(3)
    resize = np.random.uniform(0.386, 0.55)
    bottom, left = np.random.uniform(0.0, 0.2), None
    width, height = int(1600 * resize), int(900 * resize)
    left = int(np.random.uniform(0, max(0, width - 704)))
    flip = bool(np.random.choice([0, 1]))
    rotation = np.random.uniform(-5.4, 5.4)
    top = int((1 - bottom) * height) - 256
    rng = RandomState(3)
    settings = ImageSettings(crop_bottom_range=(0.0, 0.2))
    ours = draw_image_augmentation(settings, (900, 1600), rng)
    assert ours == ImageAugmentation(resize, (width, height), (left, top, left + 704, top + 256), flip, rotation)
    assert rng.uniform() == np.random.uniform()


def test_without_flips_no_flip_is_drawn():
    settings = ImageSettings(flip=False)
    drawn = [draw_image_augmentation(settings, (900, 1600), RandomState(seed)) for seed in range(20)]
    assert not any(one.flip for one in drawn)
    rng, other = RandomState(0), RandomState(0)
    draw_image_augmentation(settings, (900, 1600), rng)
    for _ in range(4):  # resize, bottom, left, rotation
        other.uniform()
    assert rng.uniform() == other.uniform()


def test_bev_draws_come_in_the_released_order():
    np.random.seed(8)
    expected = [np.random.uniform(-22.5, 22.5), np.random.uniform(0.95, 1.05)]
    flips = [np.random.uniform() < 0.5, np.random.uniform() < 0.5]
    assert draw_bev_augmentation(BevAugmentationSettings(), RandomState(8)) == BevAugmentation(*expected, *flips)


@given(
    st.floats(-180, 180),
    st.floats(0.5, 2),
    st.booleans(),
    st.booleans(),
    st.floats(-np.pi, np.pi),
)
def test_a_box_moves_as_its_corners_do(rotation, scale, flip_x, flip_y, yaw):
    change = BevAugmentation(rotation, scale, flip_x, flip_y)
    box = torch.tensor([[10.0, -4.0, 1.0, 4.6, 1.9, 1.7, yaw, 3.0, 1.0]])
    moved = change.of_boxes(box)
    expected = corners(box.numpy())[0] @ change.matrix.numpy().astype(np.float64).T
    got = corners(moved.numpy())[0]
    # A flip exchanges left and right corners, so compare the sets.
    distance = np.linalg.norm(expected[:, None] - got[None], axis=-1)
    assert distance.min(axis=1).max() < 1e-4
    assert distance.min(axis=0).max() < 1e-4
    # The front stays the front: the heading vector is taken along, and so is the velocity.
    front = change.matrix.numpy()[:2, :2] @ [np.cos(yaw), np.sin(yaw)] / scale
    np.testing.assert_allclose([np.cos(moved[0, 6]), np.sin(moved[0, 6])], front, atol=1e-5)
    np.testing.assert_allclose(moved[0, 7:], change.matrix.numpy()[:2, :2] @ [3.0, 1.0], atol=1e-5)


def test_no_boxes_stay_no_boxes():
    assert BevAugmentation(10.0, 1.1, True, False).of_boxes(torch.zeros(0, 9)).shape == (0, 9)


def test_bev_matrix_by_hand():
    np.testing.assert_allclose(
        BevAugmentation(90.0, 2.0, True, False).matrix, [[0, 2, 0], [2, 0, 0], [0, 0, 2]], atol=1e-6
    )


changes = st.builds(
    lambda resize, left, top, flip, rotation: ImageAugmentation(
        resize, (int(96 * resize), int(64 * resize)), (left, top, left + 80, top + 48), flip, rotation
    ),
    st.floats(0.8, 1.4),
    st.integers(-6, 20),
    st.integers(-6, 20),
    st.booleans(),
    st.floats(-8, 8),
)


@given(changes, st.integers(30, 60), st.integers(20, 44))
def test_the_matrix_says_where_a_spot_goes(change, u, v):
    """Oracle: the picture itself. A bright spot lies where the matrix takes its centre."""
    picture = np.zeros((64, 96, 3), dtype=np.uint8)
    picture[v : v + 4, u : u + 4] = 255
    out = augmented(Image.fromarray(picture), change)[..., 0].astype(float)
    assert out.shape == (48, 80)
    where = change.matrix @ np.array([u + 2, v + 2, 1, 1])
    if 6 < where[0] < 74 and 6 < where[1] < 42:
        rows, columns = np.indices(out.shape) + 0.5
        centre = np.array([(columns * out).sum(), (rows * out).sum()]) / out.sum()
        assert np.linalg.norm(centre - where[:2]) < 1.6  # the picture is resized to whole pixels


@given(changes, st.booleans())
def test_the_depth_map_lies_on_the_picture(change, released):
    """A point at a spot's centre falls into the spot, in the released and in the corrected pixels."""
    picture = np.zeros((64, 96, 3), dtype=np.uint8)
    picture[28:36, 44:52] = 255
    out = augmented(Image.fromarray(picture), change)[..., 0]
    points = np.array([[48.0, 32.0, 7.5]], dtype=np.float32)
    depth = depth_map(points, change, (48, 80), released_pixels=released)
    where = change.matrix @ np.array([48, 32, 1, 1])
    if 8 < where[0] < 72 and 8 < where[1] < 40:
        row, column = np.argwhere(depth)[0]
        assert depth[row, column] == 7.5
        assert out[row, column] > 60


def test_a_crop_beyond_the_image_is_black():
    white = Image.fromarray(np.full((20, 30, 3), 255, dtype=np.uint8))
    out = augmented(white, ImageAugmentation(1.0, (30, 20), (-5, -3, 35, 25)))
    assert out.shape == (28, 40, 3)
    assert out[:3].max() == out[-5:].max() == out[:, :5].max() == out[:, 35:].max() == 0
    assert out[3:23, 5:35].min() == 255


@pytest.mark.parametrize("seed", range(6))
def test_resizing_only_the_crop_gives_nearly_the_same_pixels(seed: int):
    """A smooth picture with noise, at the released sizes; every crop is drawn as in training."""
    rng = np.random.RandomState(seed)
    rows, columns = np.mgrid[0:900, 0:1600]
    smooth = 127 + 60 * np.sin(rows / 37) + 60 * np.cos(columns / 53)
    noisy = np.clip(smooth[..., None] + rng.normal(0, 8, (900, 1600, 3)), 0, 255).astype(np.uint8)
    change = dataclasses.replace(draw_image_augmentation(FULL, (900, 1600), rng), rotation_deg=0.0)
    whole, crop = (augmented(Image.fromarray(noisy), change, crop_only=only).astype(int) for only in (False, True))
    assert whole.shape == crop.shape == (256, 704, 3)
    assert np.abs(whole - crop).max() <= 2
    assert (whole != crop).mean() < 2e-3


@pytest.mark.parametrize("crop", [(-5, -3, 35, 25), (40, 0, 60, 10)])
def test_resizing_only_the_crop_is_black_outside_of_the_image(crop: tuple[int, int, int, int]):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8))
    change = ImageAugmentation(1.0, (30, 20), crop)
    np.testing.assert_array_equal(augmented(picture, change, crop_only=True), augmented(picture, change))


def network_input(rgb, settings, *, bgr):
    return Normalisation(settings, bgr=bgr).of(rgb)


@pytest.mark.parametrize("bgr", [True, False])
def test_channels_meet_the_statistics_they_should(bgr):
    rgb = np.array([[[10, 20, 30]]], dtype=np.uint8)
    pixels = [30, 20, 10] if bgr else [10, 20, 30]
    expected = [(p - m) / s for p, m, s in zip(pixels, (123.675, 116.28, 103.53), (58.395, 57.12, 57.375), strict=True)]
    np.testing.assert_allclose(network_input(rgb, FULL, bgr=bgr)[:, 0, 0], expected, rtol=1e-6)


def test_the_colour_switch_is_only_an_order_and_another_statistic():
    rgb = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    grey = ImageSettings(mean=(100, 100, 100), std=(50, 50, 50))
    assert torch.equal(network_input(rgb, grey, bgr=True), network_input(rgb, grey, bgr=False).flip(0))


def test_the_look_up_of_a_device_gives_the_bits_of_the_look_up_by_numpy():
    """On a GPU torch looks up; on a CPU NumPy does. `meta` tensors can't be compared, so the GPU's way runs here."""
    pixels = torch.arange(256, dtype=torch.uint8).expand(2, 3, 4, 256).contiguous()
    levels = Normalisation(FULL, bgr=True).levels
    there = torch.stack([levels[c].take(pixels[:, c].long()) for c in range(3)], dim=1)
    assert torch.equal(normalised(pixels, levels), there)
