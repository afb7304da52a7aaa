"""The two feature terms and their masks, by hand."""

import pytest
import torch
from torch.nn.functional import interpolate

from labeldistill.distillation.feature_losses import (
    feature_distance,
    label_feature_loss,
    lidar_feature_loss,
    object_masks,
)


def heatmaps(samples=1, size=4):
    """Two tasks of two and one classes; (0, 0) is claimed twice, (1, 2) at half strength."""
    first, second = torch.zeros(samples, 2, size, size), torch.zeros(samples, 1, size, size)
    first[:, 0, 0, 0], second[:, 0, 0, 0], first[:, 1, 1, 2] = 1.0, 0.5, 0.5
    return [first, second]


def test_sum_of_heatmaps_exceeds_one_their_maximum_does_not():
    (summed,) = object_masks(heatmaps(), [(4, 4)], summed=True)
    (largest,) = object_masks(heatmaps(), [(4, 4)], summed=False)
    assert summed[0, 0, 0] == 1.5
    assert largest[0, 0, 0] == 1.0
    assert summed[0, 1, 2] == largest[0, 1, 2] == 0.5
    assert summed.sum() == 2.0


def test_coarser_scales_are_resized_with_aligned_corners():
    maps = torch.rand(2, 3, 8, 6, generator=torch.Generator().manual_seed(0))
    (mask,) = object_masks([maps], [(4, 3)], summed=True)
    assert torch.allclose(mask[:, 0, 0], maps.sum(1)[:, 0, 0])
    assert torch.allclose(mask[:, -1, -1], maps.sum(1)[:, -1, -1])
    expected = interpolate(maps.sum(1, keepdim=True), (4, 3), mode="bilinear", align_corners=True)
    assert torch.equal(mask, expected.squeeze(1))


def test_lidar_term_weighs_by_the_heatmap_label_term_by_presence():
    teacher, student = [torch.zeros(1, 2, 4, 4)], [torch.zeros(1, 2, 4, 4)]
    student[0][0, :, 0, 0] = torch.tensor([1.0, 2.0])  # squared error 5 in a cell of weight 1.5
    student[0][0, :, 1, 2] = torch.tensor([3.0, 0.0])  # 9 in a cell of weight 0.5
    student[0][0, :, 3, 3] = 100.0  # in no mask
    lidar = lidar_feature_loss(student, teacher, heatmaps(), summed_mask=True)
    assert float(lidar) == pytest.approx((5 * 1.5 + 9 * 0.5) / 2.0)
    corrected = lidar_feature_loss(student, teacher, heatmaps(), summed_mask=False)
    assert float(corrected) == pytest.approx((5 * 1.0 + 9 * 0.5) / 1.5)
    assert float(label_feature_loss(student, teacher, heatmaps())) == pytest.approx((5 + 9) / 2)


def test_scales_add_and_small_masks_divide_by_one():
    ours, theirs = [torch.ones(1, 3, 2, 2), torch.ones(1, 2, 1, 1)], [torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 1, 1)]
    masks = [torch.tensor([[[0.25, 0.0], [0.0, 0.25]]]), torch.tensor([[[4.0]]])]
    assert float(feature_distance(ours, theirs, masks)) == pytest.approx(3 * 0.5 / 1 + 2 * 4 / 4)
    assert float(feature_distance(ours, theirs, None)) == pytest.approx(3 + 2)


def test_without_objects_there_is_no_loss_and_no_gradient():
    student = [torch.randn(2, 2, 4, 4, requires_grad=True)]
    loss = lidar_feature_loss(student, [torch.zeros(2, 2, 4, 4)], [torch.zeros(2, 3, 4, 4)], summed_mask=True)
    loss.backward()
    assert loss.item() == 0
    assert student[0].grad.abs().sum() == 0
