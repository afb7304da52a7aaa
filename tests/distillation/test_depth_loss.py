"""Depth bins at their borders and the loss, by hand."""

import math

import pytest
import torch

from labeldistill.distillation.depth_loss import depth_bins, depth_loss

DEPTH_M = (2.0, 6.0, 1.0)  # four bins


def cells(*nearest: float) -> torch.Tensor:
    """One camera, one row of 2 x 2 patches whose nearest point is given; 0 stands for no point."""
    depth = torch.zeros(1, 1, 2, 2 * len(nearest))
    for i, value in enumerate(nearest):
        depth[0, 0, 1, 2 * i] = value
        depth[0, 0, 0, 2 * i + 1] = value + 1.5 if value else 0.0  # a farther point in the same patch
    return depth


@pytest.mark.parametrize(
    ("metres", "expected"),
    [(2.0, 0), (2.999, 0), (3.0, 1), (5.999, 3), (6.0, None), (1.999, None), (0.5, None), (0.0, None), (40.0, None)],
)
def test_bins_of_the_nearest_point(metres, expected):
    onehot = depth_bins(cells(metres), 2, DEPTH_M)
    assert onehot.shape == (1, 4)
    assert onehot.sum() == (expected is not None)
    if expected is not None:
        assert onehot[0, expected] == 1


def test_order_of_cells_is_that_of_the_prediction():
    depth = torch.zeros(2, 3, 4, 6)
    depth[1, 2, 2, 5] = 3.5  # sample 1, camera 2, row 1, column 2 of cells of 2 pixels
    onehot = depth_bins(depth, 2, DEPTH_M)
    assert onehot.nonzero().tolist() == [[((1 * 3 + 2) * 2 + 1) * 3 + 2, 1]]


def test_loss_is_summed_over_bins_and_averaged_over_cells_with_a_bin():
    predicted = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1], [0.25] * 4]).t().view(1, 4, 1, 3)
    loss = depth_loss(predicted, cells(4.2, 2.1, 0.0), 2, DEPTH_M)
    first = -sum(math.log(p) for p in (0.9, 0.8, 0.3, 0.6))
    second = -sum(math.log(p) for p in (0.7, 0.9, 0.9, 0.9))
    assert float(loss) == pytest.approx((first + second) / 2, rel=1e-6)


def test_no_point_no_loss():
    predicted = torch.full((1, 4, 1, 3), 0.25, requires_grad=True)
    loss = depth_loss(predicted, torch.zeros(1, 1, 2, 6), 2, DEPTH_M)
    assert loss.item() == 0
    loss.backward()
    assert predicted.grad.abs().sum() == 0
