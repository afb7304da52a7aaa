"""Feature maps: where a box lies in them, how like two features are, and how many numbers are kept."""

import numpy as np
import pandas as pd
import pytest
import torch

from labeldistill.distillation.term_inputs import FeaturePair
from labeldistill.reporting.feature_maps import MOST_ROWS, ImitatedMaps, _imitated, _inside, _table
from labeldistill.study.plan import StudyPlan


@pytest.fixture(scope="module")
def plan() -> StudyPlan:
    return StudyPlan.load("smoke")  # 32 m x 32 m in cells of 1 m


def test_a_box_ahead_and_to_the_left_lies_at_high_x_and_high_y(plan: StudyPlan) -> None:
    box = np.array([[10.0, 4.0, 0.0, 6.0, 2.0, 1.5, 0.0, 0.0, 0.0]])
    rows, columns = np.nonzero(_inside(box, (32, 32), plan))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (19, 20, 23, 28)
    box[0, 6] = np.pi / 2  # turned to the left, its length lies along y
    rows, columns = np.nonzero(_inside(box, (32, 32), plan))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (17, 22, 25, 26)


def test_equal_opposite_and_scaled_features(plan: StudyPlan) -> None:
    target = torch.ones(1, 4, 2, 2)
    ours = target.clone()
    ours[0, :, 0, 0] *= 3
    ours[0, :, 1, 1] *= -1
    maps = _imitated("lidar", FeaturePair([ours], [target]))
    assert maps.cosine == pytest.approx(np.array([[1, 1], [1, -1]]))
    assert maps.student == pytest.approx(np.array([[3, 1], [1, 1]]))


def test_the_numbers_of_a_large_grid_are_thinned(plan: StudyPlan) -> None:
    cells = np.zeros((200, 200), dtype=np.float32)
    maps = [ImitatedMaps(name, cells, cells, cells) for name in ("lidar", "label")]
    table = _table(maps, {each.name: cells > 0 for each in maps})
    assert MOST_ROWS / 4 < len(table) <= MOST_ROWS
    assert set(pd.unique(table["row_y"])) == set(range(0, 200, 2))
