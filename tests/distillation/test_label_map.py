"""Label maps: which boxes are drawn, where, and in which order, for both values of each switch."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labeldistill.config.grid import GridSettings
from labeldistill.distillation.label_map import LabelMapOptions, draw_label_maps

GRID = GridSettings(x_m=(-8.0, 8.0, 1.0), y_m=(-8.0, 8.0, 1.0))
WIDE = GridSettings(x_m=(-16.0, 16.0, 1.0), y_m=(-8.0, 8.0, 2.0))  # 32 columns, 8 rows, cells not square
EXACT = LabelMapOptions(half_extent=False, smear_border=False, truncate_corners=False)


def box(x, y, length=4.0, width=2.0, yaw=0.0, z=0.0, vx=0.0):
    return [x, y, z, length, width, 1.5, yaw, vx, 0.0]


def draw(boxes, labels=None, grid=GRID, **rules):
    labels = [0] * len(boxes) if labels is None else labels
    tensor = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 9)
    maps = draw_label_maps([tensor], [torch.tensor(labels, dtype=torch.int64)], grid, LabelMapOptions(**rules))
    return maps.mask[0], maps.box[0], maps.label[0]


def filled(mask):
    """(column, row) of every drawn cell."""
    return {(x, y) for y, x in mask.nonzero().tolist()}


def block(columns, rows):
    return {(x, y) for x in columns for y in rows}


def test_half_extent_is_released_full_extent_corrected():
    one = [box(0.5, 0.5, length=8.0, width=4.0)]  # centre in the middle of cell (8, 8)
    assert filled(draw(one)[0]) == block(range(6, 11), range(7, 10))  # 8.5 +- 2, 8.5 +- 1
    assert filled(draw(one, half_extent=False)[0]) == block(range(4, 13), range(6, 11))


def test_yaw_turns_length_from_x_to_y():
    assert filled(draw([box(0.5, 0.5, 8.0, 4.0, math.pi / 2)])[0]) == block(range(7, 10), range(6, 11))


def test_corners_are_truncated_toward_zero_or_cells_are_exact():
    # full size spans x -8.6 .. -7.4 of a grid from -8: cells -0.6 .. 0.6
    edge = [box(-8.0, 0.5, length=1.2, width=1.0)]
    assert (0, 8) in filled(draw(edge, half_extent=False)[0])
    thin = [box(0.5, 0.5, length=6.0, width=0.4)]
    assert filled(draw(thin, half_extent=False)[0]) == {(5, 8), (11, 8)}  # only the ends of a thin box
    exact = draw(thin, half_extent=False, truncate_corners=False)[0]
    assert filled(exact) == block(range(5, 12), [8])


def test_boxes_beyond_the_positive_border_smear_under_released_only():
    outside = [box(12.5, 0.5, length=4.0, width=4.0)]
    assert filled(draw(outside)[0]) == block([15], range(7, 10))
    assert filled(draw(outside, smear_border=False)[0]) == set()
    negative = [box(-12.5, 0.5, length=4.0, width=4.0)]
    assert filled(draw(negative)[0]) == set()
    crossing = [box(7.5, 7.5, length=8.0, width=8.0)]
    assert filled(draw(crossing)[0]) == block(range(13, 16), range(13, 16))
    assert filled(draw(crossing, smear_border=False)[0]) == block(range(13, 16), range(13, 16))


def test_rows_are_y_and_columns_x_also_where_the_grid_is_not_square():
    maps = draw_label_maps([torch.tensor([box(12.5, -5.0, 4.0, 4.0)])], [torch.tensor([3])], WIDE, EXACT)
    assert maps.mask.shape == (1, 8, 32)
    assert maps.box.shape == (1, 8, 32, 9)
    assert filled(maps.mask[0]) == block(range(26, 31), range(0, 3))  # x 10.5..14.5, y -7..-3 in cells of 2 m
    smeared = draw([box(20.0, 20.0, 4.0, 4.0)], grid=WIDE)[0]
    assert filled(smeared) == {(31, 7)}


def test_last_drawn_wins_by_class_then_order():
    car, pedestrian, second_car = box(0.5, 0.5, z=1.0), box(0.5, 0.5, z=2.0), box(0.5, 0.5, z=3.0)
    _, boxes, labels = draw([pedestrian, car, second_car], [8, 0, 0])
    assert boxes[8, 8, 2] == 2.0
    assert labels[8, 8].tolist() == [0.0] * 8 + [1.0, 0.0]
    _, boxes, _ = draw([car, second_car], [0, 0])
    assert boxes[8, 8, 2] == 3.0


def test_undrawable_boxes_are_left_out():
    nan = [float("nan"), *box(0, 0)[1:]]
    boxes = [box(0, 0, length=0.0), box(0, 0, width=-1.0), nan, box(0, 0), box(0, 0)]
    mask, box_map, label = draw(boxes, [0, 0, 0, -1, 10])
    assert mask.sum() == 0
    assert box_map.abs().sum() == 0
    assert label.sum() == 0


def test_only_the_first_boxes_of_a_task_are_drawn():
    boxes = [box(-6.5 + 3 * i, 0.5, 2.0, 2.0) for i in range(4)]
    labels = [2, 1, 1, 0]  # trucks come before construction vehicles, cars are another task
    mask, _, label = draw(boxes, labels, max_objects=2)
    drawn = {tuple(label[8, 1 + 3 * i].tolist()) for i in range(4)}
    assert mask[8, 1] == 0  # the construction vehicle is the third of its task
    assert len(drawn) == 3


def test_samples_do_not_mix_and_may_be_empty():
    boxes = [torch.tensor([box(-4.5, 0.5)]), torch.zeros(0, 9), torch.tensor([box(4.5, 0.5)])]
    labels = [torch.tensor([0]), torch.zeros(0, dtype=torch.int64), torch.tensor([9])]
    maps = draw_label_maps(boxes, labels, GRID)
    assert maps.mask[1].sum() == 0
    assert maps.mask[0, 8, 3] == 1
    assert maps.mask[0, 8, 12] == 0
    assert maps.label[2, 8, 12].tolist() == [0.0] * 9 + [1.0]


def test_relative_code_is_what_the_head_must_say_in_the_centre_cell():
    one = [box(0.3, 0.8, length=4.0, width=2.0, yaw=0.4, z=0.7, vx=3.0)]
    _, code, _ = draw(one, relative_boxes=True)
    expected = [0.3, 0.8, 0.7, math.log(4), math.log(2), math.log(1.5), math.sin(0.4), math.cos(0.4), 3.0, 0.0]
    assert code.shape[-1] == 10
    assert code[8, 8].tolist() == pytest.approx(expected, abs=1e-5)
    assert code[8, 7].tolist()[:2] == pytest.approx([1.3, 0.8], abs=1e-5)  # one cell to the left


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-11, 11), st.floats(-11, 11), st.floats(0.2, 7), st.floats(0.2, 3), st.floats(-4, 4)),
        max_size=8,
    )
)
def test_every_drawn_cell_carries_one_box_and_its_class(places):
    boxes = [box(x, y, length, width, yaw, z=float(i)) for i, (x, y, length, width, yaw) in enumerate(places)]
    labels = [i % 10 for i in range(len(boxes))]
    for rules in ({}, {"half_extent": False}, vars(EXACT)):
        mask, box_map, label = draw(boxes, labels, **rules)
        assert torch.equal(label.sum(-1), mask.float())
        for row, column in mask.nonzero().tolist():
            index = int(box_map[row, column, 2])
            assert box_map[row, column].tolist() == pytest.approx(boxes[index], abs=1e-5)
            assert label[row, column, labels[index]] == 1


@settings(max_examples=60, deadline=None)
@given(st.floats(-7.9, 7.9), st.floats(-7.9, 7.9), st.floats(0.05, 7), st.floats(0.05, 3), st.floats(-4, 4))
def test_exact_maps_hold_the_centre_cell_of_every_box_inside(x, y, length, width, yaw):
    maps = draw_label_maps([torch.tensor([box(x, y, length, width, yaw)])], [torch.tensor([0])], GRID, EXACT)
    assert maps.mask[0, math.floor(y + 8), math.floor(x + 8)] == 1
